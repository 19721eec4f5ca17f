/**
 * Poseidon as constraints (docs/zk-groth16.md, section 3): three an S-box, and none for anything else. In partial rounds
 * all but one element stay linear; as combinations of what the first full rounds made they are the same for every hash.
 */
import type { CircuitBuilder } from './circuit.ts'
import { mod } from './field.ts'
import { FULL_ROUNDS, type PoseidonParameters, parametersOf } from './grain.ts'
import { add, combine, constant, constantOf, type Linear, ONE, ZERO } from './linear.ts'

/** What poseidon.ts computes, of linear combinations. */
export function poseidonCircuit(builder: CircuitBuilder, inputs: readonly Linear[]): Linear {
  const parameters = parametersOf(inputs.length + 1)
  const { width, partialRounds, constants, matrix } = parameters
  const full = (state: readonly Linear[], round: number): Linear[] =>
    state.map((value, i) => sbox(builder, add(value, constant(constants[round * width + i]!))))
  const half = FULL_ROUNDS / 2
  const last = FULL_ROUNDS + partialRounds - 1

  let boxed = full([ZERO, ...inputs], 0)
  for (let round = 1; round < half; round++) boxed = full(applied(matrix, boxed), round)
  const basis = [ONE, ...boxed]
  const { boxes, state } = partialForms(parameters)
  for (const form of boxes) basis.push(sbox(builder, dot(form, basis)))
  boxed = full(applied(state, basis), half + partialRounds)
  for (let round = half + partialRounds + 1; round <= last; round++)
    boxed = full(applied(matrix, boxed), round)
  return dot(matrix[0]!, boxed)
}

function sbox(builder: CircuitBuilder, value: Linear): Linear {
  const known = constantOf(value)
  if (known !== undefined) return constant(mod(known ** 5n))
  const square = builder.product(value, value)
  return builder.product(builder.product(square, square), value)
}

function applied(matrix: readonly (readonly bigint[])[], values: readonly Linear[]): Linear[] {
  return matrix.map(row => dot(row, values))
}

function dot(factors: readonly bigint[], values: readonly Linear[]): Linear {
  const sum = combine(factors.map((factor, i) => [values[i]!, factor] as const))
  return sum.map(([wire, coefficient]) => [wire, mod(coefficient)] as const)
}

/** Rows of factors of 1, what the full rounds' S-boxes made, and each partial round's S-box in order. */
type PartialForms = { boxes: bigint[][]; state: bigint[][] }

const made = new Map<number, PartialForms>()

/** What each partial round's S-box takes, and the state behind all of them. */
function partialForms({ width, partialRounds, constants, matrix }: PoseidonParameters): PartialForms {
  const known = made.get(width)
  if (known) return known
  let state = matrix.map(row => [0n, ...row])
  const boxes: bigint[][] = []
  for (let i = 0; i < partialRounds; i++) {
    const round = FULL_ROUNDS / 2 + i
    for (const [lane, row] of state.entries()) row[0] = mod(row[0]! + constants[round * width + lane]!)
    boxes.push(state[0]!)
    const size = state[0]!.length
    state = [new Array(size).fill(0n), ...state.slice(1)].map((row, lane) => [...row, lane === 0 ? 1n : 0n])
    state = matrix.map(factors => sumOfRows(factors, state))
  }
  const forms = { boxes, state }
  made.set(width, forms)
  return forms
}

function sumOfRows(factors: readonly bigint[], rows: readonly (readonly bigint[])[]): bigint[] {
  return rows[0]!.map((_, column) => mod(rows.reduce((sum, row, i) => sum + factors[i]! * row[column]!, 0n)))
}
