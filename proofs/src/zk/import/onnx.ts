import { proofsError } from '../../errors.ts'
import { fieldsOf, float, integer, integers, messages, text, viewOf } from './protobuf.ts'

/** A constant, row-major, as doubles. */
export type OnnxTensor = { dims: number[]; values: Float64Array }

export type Attribute = number | number[] | OnnxTensor | string

export type OnnxNode = {
  name: string
  op: string
  inputs: string[]
  outputs: string[]
  attributes: Map<string, Attribute>
}

/** Type and dimensions of an input or output; -1 is a dimension of any size. */
export type OnnxValue = {
  name: string
  type: 'float32' | 'uint8' | 'int8' | 'int32' | 'int64'
  dims: number[]
}

export type OnnxModel = {
  opset: number
  nodes: OnnxNode[]
  constants: Map<string, OnnxTensor>
  inputs: OnnxValue[]
  outputs: string[]
}

const LIMITS = { bytes: 2 ** 28, nodes: 4096, elements: 2 ** 24, rank: 8 }

/** Opsets whose operators mean what lower.ts takes them to mean. */
const OPSETS = { from: 13, to: 23 }

const TYPES = { 1: 'float32', 2: 'uint8', 3: 'int8', 6: 'int32', 7: 'int64' } as const

/**
 * Reads the part of an ONNX file that importing needs (onnx.proto3 of ONNX, Apache-2.0, has the field numbers).
 * @throws NacreError invalid-graph for bytes that are no such file, unsupported-operator for what is not read,
 * model-too-large past the limits
 */
export function parseOnnx(bytes: Uint8Array): OnnxModel {
  if (bytes.length > LIMITS.bytes)
    throw proofsError('model-too-large', `${bytes.length} bytes of ONNX, at most ${LIMITS.bytes}`)
  const model = fieldsOf(bytes)
  const graphs = messages(model, 7)
  if (graphs.length !== 1) throw proofsError('invalid-graph', 'not an ONNX file: it has no graph')
  const graph = fieldsOf(graphs[0]!)
  const opset = messages(model, 8)
    .map(fieldsOf)
    .filter(fields => ['', 'ai.onnx'].includes(text(fields, 1)))
    .map(fields => integer(fields, 2))[0]
  if (opset === undefined || opset < OPSETS.from || opset > OPSETS.to)
    throw proofsError('unsupported-operator', `opset ${opset}; ${OPSETS.from} to ${OPSETS.to} are read`)
  const nodes = messages(graph, 1)
  if (nodes.length > LIMITS.nodes)
    throw proofsError('model-too-large', `${nodes.length} nodes, at most ${LIMITS.nodes}`)
  const constants = new Map(messages(graph, 5).map(tensor => [text(fieldsOf(tensor), 8), readTensor(tensor)]))
  const read = nodes.map(readNode)
  for (const node of read.filter(({ op }) => op === 'Constant'))
    constants.set(node.outputs[0] ?? '', constantIn(node))
  const inputs = messages(graph, 11).map(readValue)
  return {
    opset,
    nodes: read.filter(({ op }) => op !== 'Constant'),
    constants,
    inputs: inputs.filter(({ name }) => !constants.has(name)),
    outputs: messages(graph, 12).map(value => text(fieldsOf(value), 1)),
  }
}

function readNode(bytes: Uint8Array): OnnxNode {
  const fields = fieldsOf(bytes)
  const op = text(fields, 4)
  const outputs = names(fields, 2)
  const domain = text(fields, 7)
  const name = text(fields, 3) || outputs[0] || op
  if (!['', 'ai.onnx'].includes(domain))
    throw proofsError(
      'unsupported-operator',
      `${domain}.${op} of node "${name}": only ONNX's own operators are read`,
    )
  return {
    name,
    op,
    inputs: names(fields, 1),
    outputs,
    attributes: new Map(messages(fields, 5).map(readAttribute)),
  }
}

function constantIn({ name, attributes }: OnnxNode): OnnxTensor {
  const value = attributes.get('value')
  if (typeof value === 'object' && !Array.isArray(value)) return value
  throw proofsError('unsupported-operator', `Constant of node "${name}": only tensors are read`)
}

const names = (fields: ReturnType<typeof fieldsOf>, number: number): string[] =>
  messages(fields, number).map(bytes => new TextDecoder().decode(bytes))

/** Types of AttributeProto. */
const ATTRIBUTE = { float: 1, int: 2, string: 3, tensor: 4, ints: 7 }

function readAttribute(bytes: Uint8Array): [string, Attribute] {
  const fields = fieldsOf(bytes)
  const name = text(fields, 1)
  const type = integer(fields, 20)
  if (type === ATTRIBUTE.float) return [name, float(fields, 2) ?? 0]
  if (type === ATTRIBUTE.int) return [name, integer(fields, 3)]
  if (type === ATTRIBUTE.ints) return [name, integers(fields, 8)]
  if (type === ATTRIBUTE.string) return [name, text(fields, 4)]
  if (type === ATTRIBUTE.tensor) return [name, readTensor(messages(fields, 5)[0] ?? new Uint8Array(0))]
  throw proofsError('unsupported-operator', `attribute "${name}" has type ${type}, which is not read`)
}

function readValue(bytes: Uint8Array): OnnxValue {
  const fields = fieldsOf(bytes)
  const name = text(fields, 1)
  const tensor = messages(fieldsOf(messages(fields, 2)[0] ?? new Uint8Array(0)), 1)[0]
  if (!tensor) throw proofsError('unsupported-operator', `"${name}" is no tensor`)
  const inner = fieldsOf(tensor)
  const type = TYPES[integer(inner, 1) as keyof typeof TYPES]
  if (!type) throw proofsError('unsupported-operator', `"${name}" has element type ${integer(inner, 1)}`)
  const shape = messages(inner, 2)[0] ?? new Uint8Array(0)
  const dims = messages(fieldsOf(shape), 1).map(dim => {
    const dimension = fieldsOf(dim)
    return dimension.some(field => field.number === 1) ? integer(dimension, 1) : -1
  })
  return { name, type, dims }
}

function readTensor(bytes: Uint8Array): OnnxTensor {
  const fields = fieldsOf(bytes)
  const name = text(fields, 8)
  const dims = integers(fields, 1)
  const count = dims.reduce((product, dim) => product * dim, 1)
  if (dims.length > LIMITS.rank || dims.some(dim => dim < 0) || count > LIMITS.elements)
    throw proofsError(
      'model-too-large',
      `constant "${name}" is [${dims}], at most ${LIMITS.elements} elements are read`,
    )
  if (integer(fields, 14) !== 0)
    throw proofsError(
      'unsupported-operator',
      `constant "${name}" is kept in another file: convert the model to one file`,
    )
  const values = valuesOf(name, fields)
  if (values.length !== count)
    throw proofsError('invalid-graph', `constant "${name}" has ${values.length} values for [${dims}]`)
  if (!values.every(Number.isFinite))
    throw proofsError('invalid-graph', `constant "${name}" has values that are no numbers`)
  return { dims, values }
}

/** raw_data, float_data, int32_data or int64_data. */
function valuesOf(name: string, fields: ReturnType<typeof fieldsOf>): Float64Array {
  const type = TYPES[integer(fields, 2) as keyof typeof TYPES]
  const raw = messages(fields, 9)[0]
  if (type === undefined)
    throw proofsError('unsupported-operator', `constant "${name}" has type ${integer(fields, 2)}`)
  if (raw) return rawValues(type, raw)
  if (type === 'int64') return Float64Array.from(integers(fields, 7))
  if (type !== 'float32') return Float64Array.from(integers(fields, 5))
  const single = fields.filter(field => field.number === 4)
  return Float64Array.from(single.flatMap(({ bytes }) => [...rawValues('float32', bytes)]))
}

function rawValues(type: OnnxValue['type'], raw: Uint8Array): Float64Array {
  const view = viewOf(raw)
  const width = { float32: 4, uint8: 1, int8: 1, int32: 4, int64: 8 }[type]
  const read = {
    float32: (at: number) => view.getFloat32(at, true),
    uint8: (at: number) => view.getUint8(at),
    int8: (at: number) => view.getInt8(at),
    int32: (at: number) => view.getInt32(at, true),
    int64: (at: number) => Number(view.getBigInt64(at, true)),
  }[type]
  return Float64Array.from({ length: Math.floor(raw.length / width) }, (_, i) => read(i * width))
}
