import { readFileSync } from 'node:fs'
import protobuf from 'protobufjs'

/** A step of the graph. Attributes are integers or lists of integers, all that these models need. */
export type Node = {
  op: string
  inputs: readonly string[]
  output: string
  attributes?: Readonly<Record<string, number | readonly number[]>>
}

/** Shape of the input or output; -1 stands for any batch size. */
export type TensorType = { dtype: 'float32' | 'uint8'; dims: readonly number[] }

/** A constant of the graph, row-major: float32, or the int64 of a shape. */
export type Weight = { name: string; dims: readonly number[]; values: ArrayLike<number>; dtype?: 'int64' }

export type Graph = {
  name: string
  input: TensorType
  output: TensorType
  nodes: readonly Node[]
  weights: readonly Weight[]
}

/** Names of the graph's only input and only output. */
export const INPUT = 'input'
export const OUTPUT = 'output'

/** What ONNX 1.12 and everything later reads; onnxruntime-node 1.30.0 among them. */
const IR_VERSION = 8
const OPSET = 17

const DATA_TYPE = { float32: 1, uint8: 2, int64: 7 } as const
const ATTRIBUTE_TYPE = { int: 2, ints: 7 } as const

const { root } = protobuf.parse(readFileSync(new URL('onnx.proto', import.meta.url), 'utf8'), {
  keepCase: true,
})
const Model = root.lookupType('onnx.ModelProto')

/** Bytes of an ONNX file. The same graph gives the same bytes: protobufjs writes fields by their numbers. */
export function encodeOnnx(graph: Graph): Uint8Array {
  const model = {
    ir_version: IR_VERSION,
    producer_name: 'nacre',
    opset_import: [{ domain: '', version: OPSET }],
    graph: {
      name: graph.name,
      node: graph.nodes.map(encodeNode),
      initializer: graph.weights.map(encodeWeight),
      input: [encodeValue(INPUT, graph.input)],
      output: [encodeValue(OUTPUT, graph.output)],
    },
  }
  const problem = Model.verify(model)
  if (problem) throw new TypeError(`not an ONNX model: ${problem}`)
  return Uint8Array.from(Model.encode(model).finish())
}

/** The float32 constants of an ONNX file that `encodeOnnx` wrote, by name. */
export function readWeights(onnx: Uint8Array): Map<string, Float32Array> {
  const model = Model.toObject(Model.decode(onnx)) as {
    graph: { initializer: { name: string; raw_data: Uint8Array }[] }
  }
  return new Map(
    model.graph.initializer.map(({ name, raw_data }) => [
      name,
      new Float32Array(Uint8Array.from(raw_data).buffer),
    ]),
  )
}

function encodeNode({ op, inputs, output, attributes = {} }: Node) {
  return {
    name: output,
    op_type: op,
    input: inputs,
    output: [output],
    attribute: Object.entries(attributes).map(([name, value]) =>
      typeof value === 'number'
        ? { name, type: ATTRIBUTE_TYPE.int, i: value }
        : { name, type: ATTRIBUTE_TYPE.ints, ints: value },
    ),
  }
}

function encodeWeight({ name, dims, values, dtype }: Weight) {
  if (dtype === 'int64') {
    const data = new Uint8Array(BigInt64Array.from(Array.from(values, BigInt)).buffer)
    return { name, dims, data_type: DATA_TYPE.int64, raw_data: data }
  }
  const bytes = new Uint8Array(values.length * 4)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < values.length; i++) view.setFloat32(i * 4, values[i]!, true)
  return { name, dims, data_type: DATA_TYPE.float32, raw_data: bytes }
}

function encodeValue(name: string, { dtype, dims }: TensorType) {
  const dim = dims.map(size => (size === -1 ? { dim_param: 'N' } : { dim_value: size }))
  return { name, type: { tensor_type: { elem_type: DATA_TYPE[dtype], shape: { dim } } } }
}
