import type { Graph, Weights } from '../graph/graph.ts'
import { type Columns, type Committed, commitLookup, commitMaximum, type Triple } from './committed.ts'
import { type F, toF } from './field.ts'
import type { SlowLayout } from './layout.ts'
import { computeVirtual } from './operators.ts'
import { pad } from './shapes.ts'
import { type Entry, entriesOf } from './tables.ts'

/** Where a cheating prover leaves the honest computation. */
export type WitnessCheat = {
  /** Another vector for a virtual tensor. */
  tensor?: (node: number, values: F[]) => F[]
  /** Other columns for a committed node; the tensor follows from them. */
  columns?: (node: number, columns: Columns) => Columns
  /** Other triples for a lookup of the layout than those of the columns. */
  triples?: (lookup: number, triples: Triple[]) => Triple[]
  /** Other multiplicities for table number `id`. */
  multiplicities?: (id: number, values: F[]) => F[]
}

/** All that the prover knows; vectors are padded. */
export type Witness = {
  tensors: F[][]
  parameters: F[][]
  /** In the layout's order. */
  columns: F[][]
  triples: Triple[][]
  entries: Entry[][]
  multiplicities: F[][]
}

/** Runs the graph over F and fills the columns (docs/zk-soundness.md, sections 2 and 4). */
export function computeWitness(
  graph: Graph,
  weights: Weights,
  input: ArrayLike<number>,
  layout: SlowLayout,
  cheat: WitnessCheat = {},
): Witness {
  const { shapes } = layout
  const parameters = graph.parameters.map(({ dims }, i) => pad(dims, Array.from(weights[i]!, toF), 0n))
  const tensors = [pad(shapes[0]!.dims, Array.from(input, toF), 0n)]
  const columnsOf = new Map<number, Columns>()
  const triplesOf = new Map<number, Triple[][]>()
  graph.nodes.forEach((node, j) => {
    if (node.op !== 'lookup' && node.op !== 'max' && node.op !== 'argmax') {
      const values = computeVirtual(node, j + 1, { graph, shapes, tensors, parameters })
      tensors.push(cheat.tensor?.(j, values) ?? values)
      return
    }
    const x = tensors[node.x]!
    const made: Committed =
      node.op === 'lookup'
        ? commitLookup(graph, node, x, shapes[j + 1]!)
        : commitMaximum(node, x, shapes[node.x]!, shapes[j + 1]!)
    const columns = cheat.columns?.(j, made.columns) ?? made.columns
    columnsOf.set(j, columns)
    triplesOf.set(j, made.triples(columns))
    tensors.push(made.tensor(columns))
  })
  const triples = layout.lookups
    .map(
      (lookup, i) =>
        triplesOf.get(lookup.node)![i - layout.lookups.findIndex(first => first.node === lookup.node)]!,
    )
    .map((made, i) => cheat.triples?.(i, made) ?? made)
  const entries = layout.tables.map(table => entriesOf(graph, table.id))
  const counted = entries.map((list, t) =>
    countEntries(
      list,
      triples.filter((_, i) => layout.lookups[i]!.id === t + 1),
    ),
  )
  return {
    tensors,
    parameters,
    columns: layout.columns.map(({ node, name }) => columnsOf.get(node)![name]!),
    triples,
    entries,
    multiplicities: counted.map((values, t) => cheat.multiplicities?.(t + 1, values) ?? values),
  }
}

/** How often each entry is looked up; the first of equal entries takes all. A triple that is no entry counts nowhere. */
function countEntries(entries: readonly Entry[], lookups: readonly Triple[][]): F[] {
  const first = new Map<string, number>()
  entries.forEach((entry, i) => {
    const key = entry.map(toF).join()
    if (!first.has(key)) first.set(key, i)
  })
  const counts = entries.map(() => 0n)
  for (const triple of lookups.flat()) {
    const i = first.get(triple.join())
    if (i !== undefined) counts[i]! += 1n
  }
  return counts
}
