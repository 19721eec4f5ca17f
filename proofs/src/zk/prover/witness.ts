/**
 * The network's integers, and the columns and table entries that prove them: docs/zk-soundness.md, sections 2.2 and 4.
 * Tensors and columns are padded vectors of i32 in the engine's memory; equal to graph/reference.ts.
 */
import { proofsError } from '../../errors.ts'
import type { Graph, Layout, LookupName, Node, Op } from '../graph/graph.ts'
import { sizeOf } from '../graph/limits.ts'
import { tableEntries } from '../graph/lookups.ts'
import { COMMITTED } from './committed.ts'
import type { Address, Engine } from './engine.ts'
import { VIRTUAL } from './operators.ts'
import type { Pass } from './pass.ts'
import { paddedIndices } from './points.ts'

export type Witness = {
  /** Each padded, as integers. */
  tensors: Address[]
  /** For each lookup of the layout, the index of the entry that each element finds (u32). */
  entries: Address[]
  /** The packed vector of 2^mu integers. */
  d: Address
  /** Row-major, batch first, without padding. */
  outputs: Int32Array[]
}

/**
 * @param weights the parameters' integers, without padding
 * @throws NacreError invalid-input
 */
export function witnessOf(
  engine: Engine,
  graph: Graph,
  layout: Layout,
  weights: readonly Address[],
  input: Int32Array,
): Witness {
  checkInput(graph, layout, input)
  const tensors = layout.tensors.map(({ size }) => engine.alloc(4 * size))
  const entries = layout.lookups.map(({ size }) => engine.alloc(4 * size))
  const size = layout.d ? 2 ** layout.d.mu : 0
  const d = engine.alloc(4 * size)
  const pass = passOf(engine, graph, layout, weights, { tensors, entries, d })
  engine.integers(d, size).fill(0)
  for (const tensor of tensors.keys()) pass.tensor(tensor).fill(0)
  const x = pass.tensor(0)
  paddedIndices(pass.dims(0)).forEach((index, i) => {
    x[index] = input[i]!
  })
  for (const [j, node] of graph.nodes.entries()) {
    const rule = (RULES as Record<Op, unknown>)[node.op] as (pass: Pass, node: Node, j: number) => void
    rule(pass, node, j)
  }
  const outputs = graph.outputs.map(tensor => {
    const values = pass.tensor(tensor)
    return paddedIndices(pass.dims(tensor)).map(index => values[index]!)
  })
  return { tensors, entries, d, outputs }
}

/** Room for the numbers that say a convolution's shape. */
const SHAPE = 256

const RULES = { ...VIRTUAL, ...COMMITTED }

function checkInput({ input: { lo, hi, dims } }: Graph, { batch }: Layout, input: Int32Array): void {
  const size = batch * sizeOf(dims)
  if (input.length !== size)
    throw proofsError('invalid-input', `${input.length} values, ${batch} inputs have ${size}`)
  const outside = input.find(value => value < lo || value > hi)
  if (outside !== undefined)
    throw proofsError('invalid-input', `an input value is ${outside}: from ${lo} to ${hi}`)
}

function passOf(
  engine: Engine,
  graph: Graph,
  layout: Layout,
  weights: readonly Address[],
  { tensors, entries, d }: Omit<Witness, 'outputs'>,
): Pass {
  const parts = layout.tables.map(({ id }) => tableEntries(graph, id).parts)
  const lookup = (node: number, part: LookupName): number =>
    layout.lookups.findIndex(item => item.node === node && item.part === part)
  const scratch = engine.alloc(SHAPE)
  return {
    graph,
    kernels: engine.kernels,
    at: tensor => tensors[tensor]!,
    weightsAt: parameter => (parameter === undefined ? 0 : weights[parameter]!),
    put(integers) {
      engine.integers(scratch, integers.length).set(integers)
      return scratch
    },
    dims: tensor => layout.tensors[tensor]!.dims,
    tensor: tensor => engine.integers(tensors[tensor]!, layout.tensors[tensor]!.size),
    column(node, name) {
      const { offset, size } = layout.columns.find(item => item.node === node && item.name === name)!
      return engine.integers(d + 4 * offset, size)
    },
    found(node, part, indices) {
      const i = lookup(node, part)
      const { table, size } = layout.lookups[i]!
      const { multiplicities } = layout.tables[table]!
      engine.integers(entries[i]!, size).set(indices)
      const counts = engine.integers(d + 4 * multiplicities.offset, multiplicities.size)
      for (let k = 0; k < size; k++) counts[indices[k]!]! += 1
    },
    entries: (node, part, index) => parts[layout.lookups[lookup(node, part)]!.table]![index]!,
  }
}
