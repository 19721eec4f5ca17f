/**
 * A graph as a rank-1 constraint system with its weights as constants (docs/zk-groth16.md): satisfied if and only if
 * its public signals are the commitment to inputs and, packed, what the graph makes of them.
 */
import type { Graph, Weights } from '../graph/graph.ts'
import { sizeOf } from '../graph/limits.ts'
import { checkGraph, checkWeights, rangeOf } from '../graph/ranges.ts'
import { inputsOf, nameOf } from '../graph/structure.ts'
import { type Circuit, type CircuitBuilder, circuitBuilder } from './circuit.ts'
import { ensureCircuitFits } from './estimate.ts'
import { enforceRange } from './gadgets.ts'
import { combine, constant, type Linear, plus } from './linear.ts'
import { READS_OFTEN, resultOf } from './operators.ts'
import { type Packing, packingsOf } from './packing.ts'
import { chain } from './poseidon.ts'
import { poseidonCircuit } from './poseidonCircuit.ts'

/** A circuit of one graph, its weights and a batch. */
export type ModelCircuit = Circuit & {
  graph: Graph
  batch: number
  /** The values of each of the graph's outputs. */
  outputs: Linear[][]
}

/**
 * The circuit of a graph. Tables (lookups of kind 1) have none.
 * @param batch inputs in one proof
 * @throws NacreError unsupported-operator, model-too-large, and what checkGraph and checkWeights throw
 * @example
 * const circuit = emitCircuit(graph, weights)
 * writeFileSync('model.r1cs', encodeR1cs(circuit))
 * writeFileSync('input.wtns', encodeWtns(witnessOf(circuit, input)))
 */
export function emitCircuit(graph: Graph, weights: Weights, batch = 1): ModelCircuit {
  const shapes = checkGraph(graph, batch)
  checkWeights(graph, weights)
  ensureCircuitFits(graph, weights, shapes)
  const packings = packingsOf(graph, batch)
  const elements = packings.outputs.reduce((sum, { elements }) => sum + elements, 0)
  const builder = circuitBuilder({ signals: 1 + elements, inputs: sizeOf(shapes[0]!.dims) })
  const { lo, hi } = graph.input
  for (const input of builder.inputs) enforceRange(builder, input, hi - lo)
  const tensors: Linear[][] = [builder.inputs.map(input => plus(input, lo))]

  for (const [j, node] of graph.nodes.entries()) {
    const inputs = inputsOf(node)
    if (READS_OFTEN.has(node.op))
      for (const tensor of inputs) tensors[tensor] = tensors[tensor]!.map(value => short(builder, value))
    const [x, b] = inputs.map(tensor => tensors[tensor]!)
    const [xDims, bDims] = inputs.map(tensor => shapes[tensor]!.dims)
    tensors.push(
      resultOf(node, {
        ...{ builder, graph, weights, x: x!, b: b ?? [], range: rangeOf(graph, inputs[0]!) },
        ...{ xDims: xDims!, bDims: bDims ?? [], yDims: shapes[j + 1]!.dims, name: nameOf(node, j) },
      }),
    )
  }

  const { header } = packings.input
  const commitment = chain([constant(header), ...packedLinear(packings.input, tensors[0]!)], list =>
    poseidonCircuit(builder, list),
  )
  const outputs = graph.outputs.map(output => tensors[output]!)
  const packed = outputs.flatMap((values, i) => packedLinear(packings.outputs[i]!, values))
  return { ...builder.build([commitment, ...packed]), graph, batch, outputs }
}

/** Longer combinations become wires before they are summed again and again. */
function short(builder: CircuitBuilder, value: Linear): Linear {
  return value.length > 2 ? builder.wire(value) : value
}

/** What `packed` makes of values. */
function packedLinear({ lo, width, perElement }: Packing, values: readonly Linear[]): Linear[] {
  const elements: Linear[] = []
  for (let from = 0; from < values.length; from += perElement)
    elements.push(
      combine(
        values
          .slice(from, from + perElement)
          .map((value, i) => [plus(value, -lo), 1n << BigInt(width * i)] as const),
      ),
    )
  return elements
}
