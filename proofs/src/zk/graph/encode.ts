/** Bytes of a graph (docs/zk-soundness.md, section 2.1): one form for each graph, bounded before it is read. */
import { proofsError } from '../../errors.ts'
import { type NumberType, type Reader, readerOf, type Writer, writerOf } from './bytes.ts'
import type { FunctionId, Graph, Node, Op } from './graph.ts'
import { hash } from './hash.ts'
import { bits, LIMITS, MAX_TABLE_BITS } from './limits.ts'

const MAGIC = 0x474b5a4e // "NZKG"
const VERSION = 1
const NO_BIAS = 0xffff

/**
 * The bytes of a graph. Every field fits the format; whether the graph is valid says checkGraph.
 * @throws NacreError invalid-graph
 */
export function encodeGraph(graph: Graph): Uint8Array {
  const to = writerOf('invalid-graph')
  to.number('u32', MAGIC, 'magic')
  to.number('u8', VERSION, 'version')
  writeDims(to, graph.input.dims)
  writeRange(to, graph.input)
  writeCount(to, 'u16', graph.tables, LIMITS.tables, 'tables')
  for (const table of graph.tables) writeTable(to, table)
  writeCount(to, 'u16', graph.parameters, LIMITS.parameters, 'parameters')
  for (const { dims } of graph.parameters) writeDims(to, dims)
  writeCount(to, 'u16', graph.nodes, LIMITS.nodes, 'nodes')
  for (const node of graph.nodes) writeNode(to, node)
  writeCount(to, 'u8', graph.outputs, LIMITS.outputs, 'outputs')
  for (const tensor of graph.outputs) to.number('u16', tensor, 'an output')
  return to.done()
}

/**
 * The graph of bytes; unknown versions and operators, and bytes that are left over, are errors.
 * @throws NacreError invalid-graph, zk-unsupported-version, unsupported-operator
 */
export function decodeGraph(bytes: Uint8Array): Graph {
  if (bytes.length > LIMITS.graphBytes) throw invalid(`a graph has at most ${LIMITS.graphBytes} bytes`)
  const from = readerOf(bytes, 'invalid-graph')
  if (from.number('u32') !== MAGIC) throw invalid('the bytes do not begin with NZKG')
  const version = from.number('u8')
  if (version !== VERSION) throw proofsError('zk-unsupported-version', `the graph has version ${version}`)
  const input = { dims: readDims(from), ...readRange(from) }
  const tables = readMany(from, 'u16', LIMITS.tables, 'tables', readTable)
  const parameters = readMany(from, 'u16', LIMITS.parameters, 'parameters', () => ({ dims: readDims(from) }))
  const nodes = readMany(from, 'u16', LIMITS.nodes, 'nodes', readNode)
  const outputs = readMany(from, 'u8', LIMITS.outputs, 'outputs', () => from.number('u16'))
  from.end()
  return { input, tables, parameters, nodes, outputs }
}

/** graphHash of section 2.1, 32 bytes. @throws NacreError invalid-graph */
export function graphHash(graph: Graph): Uint8Array {
  return hash('graph', encodeGraph(graph))
}

/** A field of a node: it reads what it writes. */
type Field = { write: (to: Writer, node: Fields) => void; read: (from: Reader, node: Fields) => void }
// biome-ignore lint/suspicious/noExplicitAny: an operator's fields by name, as the table below lists them
type Fields = Record<string, any>

const number = (name: string, type: NumberType): Field => ({
  write: (to, node) => to.number(type, node[name], name),
  read: (from, node) => {
    node[name] = from.number(type)
  },
})
const numbers = (name: string, count: number): Field => ({
  write: (to, node) => {
    if (node[name].length !== count) throw invalid(`${name} has ${node[name].length} numbers, not ${count}`)
    for (const value of node[name]) to.number('u8', value, name)
  },
  read: (from, node) => {
    node[name] = Array.from({ length: count }, () => from.number('u8'))
  },
})
const flag = (name: string): Field => ({
  write: (to, node) => {
    if (typeof node[name] !== 'boolean') throw invalid(`${name} is no boolean`)
    to.number('u8', Number(node[name]), name)
  },
  read: (from, node) => {
    node[name] = readFlag(from, name)
  },
})
const bias: Field = {
  write: (to, node) => {
    if (node.bias === NO_BIAS) throw invalid(`a bias is below ${NO_BIAS}`)
    to.number('u16', node.bias ?? NO_BIAS, 'bias')
  },
  read: (from, node) => {
    const parameter = from.number('u16')
    if (parameter !== NO_BIAS) node.bias = parameter
  },
}
const dims: Field = {
  write: (to, node) => writeDims(to, node.dims),
  read: (from, node) => {
    node.dims = readDims(from)
  },
}
const axes: Field = {
  write: (to, node) => {
    writeCount(to, 'u8', node.axes, LIMITS.rank, 'axes')
    for (const axis of node.axes) to.number('u8', axis, 'an axis')
  },
  read: (from, node) => {
    node.axes = readMany(from, 'u8', LIMITS.rank, 'axes', () => from.number('u8'))
  },
}
const f: Field = {
  write: (to, node) => {
    const id = node.f as FunctionId
    const [kind, a, b] = 'table' in id ? [1, id.table, 0] : [0, ...id.clamp]
    to.number('u8', kind, 'kind')
    to.number('i16', a, 'a')
    to.number('i16', b, 'b')
  },
  read: (from, node) => {
    const isTable = readFlag(from, 'kind')
    const [a, b] = [from.number('i16'), from.number('i16')]
    if (isTable && b !== 0) throw invalid('b of a table is 0')
    node.f = isTable ? { table: a } : { clamp: [a, b] }
  },
}

const x = number('x', 'u16')
const ab = [number('a', 'u16'), number('b', 'u16')]
const window = [numbers('stride', 2), numbers('pads', 4)]

/** Section 2.2's operators: the number, and the fields in order. */
const OPERATORS: Record<Op, [code: number, ...fields: Field[]]> = {
  dense: [1, x, number('weight', 'u16'), bias],
  conv: [2, x, number('weight', 'u16'), bias, ...window],
  unfold: [3, x, numbers('kernel', 2), ...window],
  sum: [4, x, number('count', 'u8')],
  matmul: [5, ...ab, flag('transposed')],
  add: [6, ...ab, number('ca', 'i32'), number('cb', 'i32')],
  mul: [7, ...ab],
  reshape: [8, x, dims],
  permute: [9, x, axes],
  lookup: [16, x, number('multiplier', 'u16'), number('shift', 'u8'), f, flag('wide'), number('width', 'u8')],
  max: [17, x, number('count', 'u8'), number('width', 'u8')],
  argmax: [18, x, number('width', 'u8'), number('window', 'u8')],
}
const OPS = new Map(Object.entries(OPERATORS).map(([op, [code]]) => [code, op as Op]))

function writeNode(to: Writer, node: Node): void {
  const operator = Object.hasOwn(OPERATORS, node.op) ? OPERATORS[node.op] : undefined
  if (!operator) throw proofsError('unsupported-operator', `there is no operator ${node.op}`)
  const [code, ...fields] = operator
  to.number('u8', code, 'op')
  for (const field of fields) field.write(to, node)
  writeRange(to, node)
}

function readNode(from: Reader): Node {
  const code = from.number('u8')
  const op = OPS.get(code)
  if (op === undefined) throw proofsError('unsupported-operator', `there is no operator of number ${code}`)
  const node: Fields = { op }
  const [, ...fields] = OPERATORS[op]
  for (const field of fields) field.read(from, node)
  return { ...node, ...readRange(from) } as Node
}

function writeTable(to: Writer, table: Int16Array): void {
  const width = bits(table.length)
  if (width < 1 || width > MAX_TABLE_BITS || table.length !== 2 ** width)
    throw invalid(`a table has 2 to ${2 ** MAX_TABLE_BITS} values, a power of two; this one ${table.length}`)
  to.number('u8', width, 'w')
  for (const value of table) to.number('i16', value, 'a value of a table')
}

function readTable(from: Reader): Int16Array {
  const width = from.number('u8')
  if (width < 1 || width > MAX_TABLE_BITS) throw invalid(`a table of ${width} bits`)
  return Int16Array.from({ length: 2 ** width }, () => from.number('i16'))
}

function writeDims(to: Writer, dims: number[]): void {
  writeCount(to, 'u8', dims, LIMITS.rank, 'dimensions')
  for (const dim of dims) to.number('u32', dim, 'a dimension')
}

function readDims(from: Reader): number[] {
  return readMany(from, 'u8', LIMITS.rank, 'dimensions', () => from.number('u32'))
}

function writeRange(to: Writer, { lo, hi }: { lo: number; hi: number }): void {
  to.number('i32', lo, 'lo')
  to.number('i32', hi, 'hi')
}

function readRange(from: Reader): { lo: number; hi: number } {
  return { lo: from.number('i32'), hi: from.number('i32') }
}

function writeCount(
  to: Writer,
  type: NumberType,
  list: { length: number },
  most: number,
  name: string,
): void {
  if (list.length > most) throw invalid(`${list.length} ${name}: at most ${most}`)
  to.number(type, list.length, name)
}

function readMany<T>(
  from: Reader,
  type: NumberType,
  most: number,
  name: string,
  read: (from: Reader) => T,
): T[] {
  const count = from.number(type)
  if (count > most) throw invalid(`${count} ${name}: at most ${most}`)
  const list: T[] = []
  for (let i = 0; i < count; i++) list.push(read(from))
  return list
}

function readFlag(from: Reader, name: string): boolean {
  const value = from.number('u8')
  if (value > 1) throw invalid(`${name} is ${value}, not 0 or 1`)
  return value === 1
}

const invalid = (message: string): Error => proofsError('invalid-graph', message)
