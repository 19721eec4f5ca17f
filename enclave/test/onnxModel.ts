/** Writes tiny ONNX models, field by field (onnx.proto3), for the tests. */

export const ELEMENT = { float32: 1, uint8: 2, int64: 7, bool: 9 } as const
export type Element = keyof typeof ELEMENT

/** A dimension: its size, or the name of a free one. */
export type Value = { name: string; element: Element; dims: (number | string)[] }
export type Node = { operator: string; inputs: string[]; outputs: string[]; attributes?: Uint8Array[] }
export type Constant = {
  name: string
  dims: number[]
  data: Float32Array | BigInt64Array
  external?: string
}
export type Graph = { inputs: Value[]; outputs: Value[]; nodes: Node[]; constants?: Constant[] }

export function encodeModel(graph: Graph): Uint8Array {
  const opset = message(2, 13)
  return message(1, 8, 7, encodeGraph(graph), 8, opset)
}

export function encodeGraph({ inputs, outputs, nodes, constants = [] }: Graph): Uint8Array {
  const encoded: (number | string | Uint8Array)[] = []
  for (const node of nodes) encoded.push(1, encodeNode(node))
  encoded.push(2, 'graph')
  for (const constant of constants) encoded.push(5, encodeConstant(constant))
  for (const value of inputs) encoded.push(11, encodeValue(value))
  for (const value of outputs) encoded.push(12, encodeValue(value))
  return message(...encoded)
}

/** Pairs of field number and value: numbers as varints, texts and bytes with their length. */
export function message(...pairs: (number | string | Uint8Array)[]): Uint8Array {
  const parts: Uint8Array[] = []
  for (let i = 0; i < pairs.length; i += 2) {
    const number = pairs[i] as number
    const value = pairs[i + 1]!
    if (typeof value === 'number') parts.push(varint(number * 8), varint(value))
    else parts.push(varint(number * 8 + 2), varint(Buffer.from(value).length), Buffer.from(value))
  }
  return Buffer.concat(parts)
}

const FREE = 'batch'
const float = (name: string, ...dims: (number | string)[]): Value => ({ name, element: 'float32', dims })

/** [N, 4] times 4 x 3: every row's three weighted sums. */
export const LINEAR: Graph = {
  inputs: [float('x', FREE, 4)],
  outputs: [float('y', FREE, 3)],
  nodes: [{ operator: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }],
  constants: [{ name: 'w', dims: [4, 3], data: Float32Array.from({ length: 12 }, (_, i) => i / 2) }],
}

/** Gives NaN for negative numbers. */
export const LOGARITHM: Graph = {
  inputs: [float('x', FREE)],
  outputs: [float('y', FREE)],
  nodes: [{ operator: 'Log', inputs: ['x'], outputs: ['y'] }],
}

/** Fails in the engine for an index beyond 2. */
export const GATHER: Graph = {
  inputs: [{ name: 'x', element: 'int64', dims: [FREE] }],
  outputs: [float('y', FREE)],
  nodes: [{ operator: 'Gather', inputs: ['table', 'x'], outputs: ['y'] }],
  constants: [{ name: 'table', dims: [3], data: Float32Array.of(10, 20, 30) }],
}

/** Runs for hours, a few microseconds a step: a Loop of 2^40 cosines. */
export const ENDLESS: Graph = {
  inputs: [float('x', FREE)],
  outputs: [float('y', FREE)],
  nodes: [
    {
      operator: 'Loop',
      inputs: ['steps', '', 'x'],
      outputs: ['y'],
      attributes: [message(1, 'body', 6, encodeGraph(cosineStep()), 20, 5)],
    },
  ],
  constants: [{ name: 'steps', dims: [1], data: BigInt64Array.of(2n ** 40n) }],
}

/** A Loop's body: step and condition in, the condition as it is and the cosine out. */
function cosineStep(): Graph {
  return {
    inputs: [
      { name: 'step', element: 'int64', dims: [] },
      { name: 'go', element: 'bool', dims: [] },
      float('value', FREE),
    ],
    outputs: [{ name: 'goes', element: 'bool', dims: [] }, float('next', FREE)],
    nodes: [
      { operator: 'Identity', inputs: ['go'], outputs: ['goes'] },
      { operator: 'Cos', inputs: ['value'], outputs: ['next'] },
    ],
  }
}

function encodeNode({ operator, inputs, outputs, attributes = [] }: Node): Uint8Array {
  return message(
    ...inputs.flatMap(name => [1, name]),
    ...outputs.flatMap(name => [2, name]),
    4,
    operator,
    ...attributes.flatMap(attribute => [5, attribute]),
  )
}

function encodeConstant({ name, dims, data, external }: Constant): Uint8Array {
  const shape = dims.flatMap(dim => [1, dim])
  if (external !== undefined) {
    return message(...shape, 2, 1, 8, name, 13, message(1, 'location', 2, external), 14, 1)
  }
  const element = data instanceof Float32Array ? ELEMENT.float32 : ELEMENT.int64
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
  return message(...shape, 2, element, 8, name, 9, bytes)
}

function encodeValue({ name, element, dims }: Value): Uint8Array {
  const shape = message(
    ...dims.flatMap(dim => [1, typeof dim === 'number' ? message(1, dim) : message(2, dim)]),
  )
  return message(1, name, 2, message(1, message(1, ELEMENT[element], 2, shape)))
}

function varint(value: number): Uint8Array {
  const bytes = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return Uint8Array.from([...bytes, rest])
}
