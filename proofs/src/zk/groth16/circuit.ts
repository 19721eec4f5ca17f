/**
 * A rank-1 constraint system that says how each of its wires comes about, so that whoever knows the inputs can compute
 * all of them (docs/zk-groth16.md, section 1).
 */
import { proofsError } from '../../errors.ts'
import { combine, constantOf, fromBits, type Linear, subtract, ZERO } from './linear.ts'

/** a · b = c. What is linear is c alone: of c no prover needs a point of its own. */
export type Constraint = { a: Linear; b: Linear; c: Linear }

/** How wires come about, in order: the one wire that a constraint determines, or the bits of a whole number. */
export type Step =
  | { kind: 'product'; wire: number; constraint: number }
  | { kind: 'bits'; first: number; count: number; of: Linear }

/** Wire 0 is 1; then come the public `signals`, then `inputs` private ones, and then all others. */
export type Circuit = {
  wires: number
  signals: number
  inputs: number
  constraints: Constraint[]
  steps: Step[]
}

/** Circuits beyond these are refused while they are made. */
export const CIRCUIT_LIMITS = { constraints: 0x20_0000, terms: 0x200_0000 } as const

/** The wire of the first private input. */
export function firstInputOf({ signals }: Pick<Circuit, 'signals'>): number {
  return 1 + signals
}

/** Makes a circuit; every wire has one value for each input, whatever a prover would like. */
export type CircuitBuilder = {
  inputs: readonly Linear[]
  /** a · b + plus. Without a constraint if a or b is a constant. */
  product: (a: Linear, b: Linear, plus?: Linear) => Linear
  /** The same value as one wire, so that sums over it stay short. */
  wire: (linear: Linear) => Linear
  /** The bits of a number that is below 2^count, the lowest first; no other number has any. */
  bits: (of: Linear, count: number) => Linear[]
  enforceZero: (linear: Linear) => void
  /** The circuit, with these values as its public signals. */
  build: (signals: readonly Linear[]) => Circuit
}

export function circuitBuilder(sizes: { signals: number; inputs: number }): CircuitBuilder {
  const { signals, inputs } = sizes
  const firstInput = firstInputOf(sizes)
  const circuit: Circuit = { wires: firstInput + inputs, signals, inputs, constraints: [], steps: [] }
  const { constraints, steps } = circuit
  let terms = 0

  function enforce(a: Linear, b: Linear, c: Linear): number {
    terms += a.length + b.length + c.length
    if (constraints.length >= CIRCUIT_LIMITS.constraints || terms > CIRCUIT_LIMITS.terms)
      throw proofsError(
        'model-too-large',
        `a circuit of more than ${CIRCUIT_LIMITS.constraints} constraints or ${CIRCUIT_LIMITS.terms} terms`,
      )
    return constraints.push({ a, b, c }) - 1
  }

  function define(wire: number, a: Linear, b: Linear, plus: Linear): void {
    const constraint = enforce(a, b, plus.length === 0 ? [[wire, 1n]] : subtract([[wire, 1n]], plus))
    steps.push({ kind: 'product', wire, constraint })
  }

  function product(a: Linear, b: Linear, plus: Linear = ZERO): Linear {
    for (const [factor, other] of [
      [constantOf(a), b],
      [constantOf(b), a],
    ] as const)
      if (factor !== undefined)
        return combine([
          [other, factor],
          [plus, 1n],
        ])
    const wire = circuit.wires++
    define(wire, a, b, plus)
    return [[wire, 1n]]
  }

  return {
    inputs: Array.from({ length: inputs }, (_, i) => [[firstInput + i, 1n]] as const),
    product,
    wire(linear) {
      if (constantOf(linear) !== undefined || (linear.length === 1 && linear[0]![1] === 1n)) return linear
      const wire = circuit.wires++
      define(wire, ZERO, ZERO, linear)
      return [[wire, 1n]]
    },
    bits(of, count) {
      const first = circuit.wires
      circuit.wires += count
      steps.push({ kind: 'bits', first, count, of })
      const bits = Array.from({ length: count }, (_, i): Linear => [[first + i, 1n]])
      for (const [i, bit] of bits.entries())
        enforce(
          bit,
          [
            [0, 1n],
            [first + i, -1n],
          ],
          ZERO,
        )
      enforce(ZERO, ZERO, subtract(of, fromBits(bits)))
      return bits
    },
    enforceZero(linear) {
      enforce(ZERO, ZERO, linear)
    },
    build(values) {
      if (values.length !== signals) throw new RangeError(`${values.length} signals, not ${signals}`)
      for (const [i, value] of values.entries()) define(1 + i, ZERO, ZERO, value)
      return circuit
    },
  }
}
