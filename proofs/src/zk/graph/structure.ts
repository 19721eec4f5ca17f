/** Which node uses what (docs/zk-soundness.md, section 2.1): checked before shapes and ranges are computed. */
import { proofsError } from '../../errors.ts'
import type { Graph, Node } from './graph.ts'
import { LIMITS } from './limits.ts'

/** The tensors that a node reads, in order; a tensor that it reads twice is there twice. */
export function inputsOf(node: Node): number[] {
  return 'x' in node ? [node.x] : [node.a, node.b]
}

/** The parameters that a node reads: weight, then bias. */
export function parametersOf(node: Node): number[] {
  if (node.op !== 'dense' && node.op !== 'conv') return []
  return node.bias === undefined ? [node.weight] : [node.weight, node.bias]
}

/** How a message names a node. */
export function nameOf({ op }: Node, index: number): string {
  return `node ${index} (${op})`
}

/**
 * Nodes read only what exists before them; everything is used; each parameter belongs to one node.
 * @throws NacreError invalid-graph
 */
export function checkStructure(graph: Graph): void {
  const { tables, parameters, nodes, outputs } = graph
  if (nodes.length < 1 || nodes.length > LIMITS.nodes) throw invalid(`${nodes.length} nodes`)
  if (outputs.length < 1 || outputs.length > LIMITS.outputs) throw invalid(`${outputs.length} outputs`)
  const tensorUses = count(nodes.length + 1)
  const parameterUses = count(parameters.length)
  const tableUses = count(tables.length)
  for (const [j, node] of nodes.entries()) {
    for (const tensor of inputsOf(node)) {
      if (tensor > j) throw invalid(`${nameOf(node, j)} reads tensor ${tensor}, which is not made before it`)
      tensorUses[tensor]! += 1
    }
    for (const parameter of parametersOf(node)) use(parameterUses, parameter, nameOf(node, j), 'parameter')
    if (node.op === 'lookup' && 'table' in node.f) use(tableUses, node.f.table, nameOf(node, j), 'table')
  }
  for (const [i, tensor] of outputs.entries()) {
    if (tensor < 1 || tensor > nodes.length) throw invalid(`output ${tensor} is no node’s result`)
    if (i > 0 && tensor <= outputs[i - 1]!) throw invalid('outputs are not ascending')
    tensorUses[tensor]! += 1
  }
  refuse(tensorUses.indexOf(0), 'tensor', 'is used by nothing')
  refuse(parameterUses.indexOf(0), 'parameter', 'is used by nothing')
  refuse(tableUses.indexOf(0), 'table', 'is used by nothing')
  refuse(
    parameterUses.findIndex(uses => uses > 1),
    'parameter',
    'is used twice',
  )
}

function use(uses: number[], index: number, name: string, what: string): void {
  const before = uses[index]
  if (before === undefined) throw invalid(`${name} names ${what} ${index}, which does not exist`)
  uses[index] = before + 1
}

function refuse(index: number, what: string, why: string): void {
  if (index >= 0) throw invalid(`${what} ${index} ${why}`)
}

const count = (length: number): number[] => new Array<number>(length).fill(0)
const invalid = (message: string): Error => proofsError('invalid-graph', message)
