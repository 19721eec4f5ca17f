/**
 * What a graph's circuit takes, by docs/zk-groth16.md, sections 3 and 4, counted without making it: constraints up to
 * what weights of 0 save, terms up to what padding and equal wires save. Never less than the circuit has.
 */
import { proofsError } from '../../errors.ts'
import type { Graph, Node, NodeOf, Op, Range, TensorShape, Weights } from '../graph/graph.ts'
import { bits, sizeOf } from '../graph/limits.ts'
import { quotientRange, rangeOf } from '../graph/ranges.ts'
import { inputsOf } from '../graph/structure.ts'
import { CIRCUIT_LIMITS } from './circuit.ts'
import { FULL_ROUNDS, parametersOf } from './grain.ts'
import { READS_OFTEN } from './operators.ts'
import { type Packing, packingOf } from './packing.ts'

export type CircuitEstimate = { constraints: number; terms: number }

/** Refuses what no circuit is made for, before any of it is. @throws NacreError model-too-large */
export function ensureCircuitFits(graph: Graph, weights: Weights, shapes: readonly TensorShape[]): void {
  const { constraints, terms } = estimateCircuit(graph, weights, shapes)
  if (constraints <= CIRCUIT_LIMITS.constraints && terms <= CIRCUIT_LIMITS.terms) return
  throw proofsError(
    'model-too-large',
    `a circuit of about ${constraints} constraints and ${terms} terms: at most ${CIRCUIT_LIMITS.constraints} and ${CIRCUIT_LIMITS.terms}`,
  )
}

/** @param shapes of checkGraph, the batch included */
export function estimateCircuit(
  graph: Graph,
  weights: Weights,
  shapes: readonly TensorShape[],
): CircuitEstimate {
  const count = { constraints: 0, terms: 0 }
  const sizes = shapes.map(({ dims }) => sizeOf(dims))
  const { lo, hi } = graph.input
  const width = bits(hi - lo + 1)
  const above = 2 ** width - 1 > hi - lo ? add(exceeds(width, hi - lo), { constraints: 1, terms: 3 }) : NONE
  charge(count, sizes[0]!, add(digits(width, 1), above))
  // Average terms of a combination.
  const lengths = [2]
  for (const [j, node] of graph.nodes.entries()) {
    const inputs = inputsOf(node)
    if (READS_OFTEN.has(node.op))
      for (const tensor of inputs)
        if (lengths[tensor]! > 2) {
          charge(count, sizes[tensor]!, { constraints: 1, terms: lengths[tensor]! + 2 })
          lengths[tensor] = 1
        }
    const rule = RULES[node.op] as (node: Node, of: Of) => Made
    const { each, length } = rule(node, {
      ...{ graph, weights, size: sizes[j + 1]!, sizes: inputs.map(tensor => sizes[tensor]!) },
      ...{ lengths: inputs.map(tensor => lengths[tensor]!), range: rangeOf(graph, inputs[0]!) },
      dims: shapes[inputs[0]!]!.dims,
    })
    charge(count, sizes[j + 1]!, each)
    lengths.push(length)
  }
  charge(count, 1, commitment(packingOf(graph.input, sizes[0]!)))
  for (const output of graph.outputs) {
    const { elements } = packingOf(rangeOf(graph, output), sizes[output]!)
    charge(count, 1, { constraints: elements, terms: 2 * elements + sizes[output]! * lengths[output]! })
  }
  return { constraints: count.constraints, terms: Math.ceil(count.terms) }
}

type Of = {
  graph: Graph
  weights: Weights
  size: number
  /** Of the inputs, the average terms of one of their values, and the first one's range and dimensions. */
  sizes: number[]
  lengths: number[]
  range: Range
  dims: number[]
}
/** What each value of the result takes, and its terms. */
type Made = { each: CircuitEstimate; length: number }

const NONE: CircuitEstimate = { constraints: 0, terms: 0 }

const RULES: { [O in Op]: (node: NodeOf<O>, of: Of) => Made } = {
  dense: ({ weight }, of) => ({ each: NONE, length: weighted(weight, of) }),
  conv: ({ weight }, of) => ({ each: NONE, length: weighted(weight, of) }),
  unfold: (_, { lengths: [x] }) => ({ each: NONE, length: x! }),
  sum: (_, { size, sizes: [n], lengths: [x] }) => ({ each: NONE, length: (n! / size) * x! }),
  matmul: (_, { dims, lengths: [a, b] }) => ({
    each: times(dims.at(-1)!, { constraints: 1, terms: a! + b! + 1 }),
    length: dims.at(-1)!,
  }),
  add: (_, { lengths: [a, b] }) => ({ each: NONE, length: a! + b! }),
  mul: (_, { lengths: [a, b] }) => ({ each: { constraints: 1, terms: a! + b! + 1 }, length: 1 }),
  reshape: (_, { lengths: [x] }) => ({ each: NONE, length: x! }),
  permute: (_, { lengths: [x] }) => ({ each: NONE, length: x! }),
  lookup: ({ multiplier, shift, f }, { range, lengths: [x] }) =>
    'table' in f
      ? { each: NONE, length: 1 }
      : clamped(quotientRange({ multiplier, shift }, range), shift, f.clamp, x!),
  max: (_, of) => ({ each: times(of.sizes[0]! / of.size - 1, comparison(of, 1)), length: 1 }),
  argmax: (_, of) => ({ each: times(of.sizes[0]! / of.size - 1, comparison(of, 2)), length: 1 }),
}

/** Terms of a sum over the weights that are not 0, and a bias. */
function weighted(parameter: number, { graph, weights, lengths: [x] }: Of): number {
  const nonZero = weights[parameter]!.reduce((count, value) => (value === 0 ? count : count + 1), 0)
  // A constant is one term, whatever many have it.
  return (nonZero / graph.parameters[parameter]!.dims[0]!) * Math.max(1, x! - 1) + 1
}

/** clampedQuotient of gadgets.ts. */
function clamped({ lo, hi }: Range, shift: number, [a, b]: [number, number], length: number): Made {
  if (lo >= b || hi <= a) return { each: NONE, length: 1 }
  const from = Math.max(lo, a)
  const top = bits(Math.max(hi - from + 1, from - lo))
  const sign = lo < a ? 1 : 0
  const all = digits(shift + top + sign, length + 1)
  const isBound = 2 ** top - 1 > b - from
  const bound = isBound ? add(exceeds(top, b - from), { constraints: 1, terms: 2 * top + 5 }) : NONE
  const natural = isBound ? 1 : top
  const signed = sign ? { constraints: 1, terms: natural + 2 } : NONE
  return { each: add(all, bound, signed), length: (sign ? 1 : natural) + 1 }
}

/** isAbove, and the products that choose. */
function comparison({ range: { lo, hi }, lengths: [x] }: Of, products: number): CircuitEstimate {
  const chosen = times(products, { constraints: 1, terms: 2 * x! + 6 })
  return add(digits(bits(hi - lo + 1) + 1, 2 * x! + 1), chosen)
}

/** The bits of a combination. */
function digits(count: number, length: number): CircuitEstimate {
  return { constraints: count + 1, terms: 4 * count + length + 1 }
}

/** Free until the bound's lowest bit that is 0 has been passed. */
function exceeds(count: number, bound: number): CircuitEstimate {
  let ones = 0
  while (ones < count && Math.floor(bound / 2 ** ones) % 2 === 1) ones++
  const products = Math.max(0, count - ones - 1)
  return { constraints: products, terms: 6 * products }
}

/** The chain over a header, which is a constant, and the elements; its signal. */
function commitment({ elements, perElement }: Packing): CircuitEstimate {
  let total: CircuitEstimate = { constraints: 1, terms: 1 }
  let length = 1
  for (let left = elements, first = true; left > 0 || first; first = false) {
    const taken = Math.min(left, 15)
    left -= taken
    const lanes = first ? taken : taken + 1
    total = add(total, poseidon(taken + 1, lanes, taken * (perElement + 1) + (first ? 0 : length)))
    length = taken + 3
  }
  return add(total, { constraints: 0, terms: length })
}

/** S-boxes of 3 products each: of the inputs that are no constants, of combinations of a round, or of all before. */
function poseidon(inputs: number, lanes: number, length: number): CircuitEstimate {
  const { width, partialRounds } = parametersOf(inputs + 1)
  const sbox = (terms: number): CircuitEstimate => ({ constraints: 3, terms: 3 * terms + 6 })
  const known = 1 + width
  return add(
    times(lanes, sbox(0)),
    { constraints: 0, terms: 3 * length },
    times(width * (FULL_ROUNDS - 2), sbox(known)),
    times(partialRounds, sbox(known + partialRounds / 2)),
    times(width, sbox(known + partialRounds)),
  )
}

function charge(count: CircuitEstimate, times: number, { constraints, terms }: CircuitEstimate): void {
  count.constraints += times * constraints
  count.terms += times * terms
}

function times(factor: number, { constraints, terms }: CircuitEstimate): CircuitEstimate {
  return { constraints: factor * constraints, terms: factor * terms }
}

function add(...all: CircuitEstimate[]): CircuitEstimate {
  const sum = { constraints: 0, terms: 0 }
  for (const one of all) charge(sum, 1, one)
  return sum
}
