import { ChannelError } from './errors.ts'

/**
 * What must not be in a model, found by walking its protobuf (onnx.proto3) before the engine sees it: data in
 * other files, and operators that draw random numbers. Stricter than the engine's own parser: groups, cut messages
 * and oversize varints are errors.
 */
type Visit = { message: Message; bytes: Uint8Array; depth: number }

type Message = 'model' | 'training' | 'function' | 'graph' | 'node' | 'attribute' | 'sparse' | 'tensor'

/** The sub-messages that can hold a tensor or a node, by field number. */
const CHILDREN: Record<Message, Record<number, Message>> = {
  model: { 7: 'graph', 20: 'training', 25: 'function' },
  training: { 1: 'graph', 2: 'graph' },
  function: { 7: 'node', 11: 'attribute' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  tensor: {},
}

const NODE_OP_TYPE = 4
const TENSOR_EXTERNAL_DATA = 13
const TENSOR_DATA_LOCATION = 14
const MAX_DEPTH = 64

const RANDOM = new Set([
  'Bernoulli',
  'Multinomial',
  'RandomNormal',
  'RandomNormalLike',
  'RandomUniform',
  'RandomUniformLike',
])

/** @throws ChannelError unsupported-model */
export function inspectModel(bytes: Uint8Array): void {
  if (Buffer.from(bytes.subarray(4, 8)).toString('latin1') === 'ORTM')
    throw unsupported('ORT format, not ONNX')
  const open: Visit[] = [{ message: 'model', bytes, depth: 0 }]
  for (let visit = open.pop(); visit; visit = open.pop()) open.push(...inspect(visit))
}

function inspect({ message, bytes, depth }: Visit): Visit[] {
  if (depth > MAX_DEPTH) throw unsupported(`nested deeper than ${MAX_DEPTH}`)
  const children: Visit[] = []
  for (const field of fieldsOf(bytes)) {
    if (message === 'node' && field.number === NODE_OP_TYPE) refuseRandom(field.content)
    if (message === 'tensor') refuseExternal(field)
    const child = CHILDREN[message][field.number]
    if (child) children.push({ message: child, bytes: field.content, depth: depth + 1 })
  }
  return children
}

function refuseRandom(name: Uint8Array): void {
  const operator = Buffer.from(name).toString('latin1')
  if (RANDOM.has(operator)) throw unsupported(`operator ${operator} draws random numbers`)
}

function refuseExternal({ number, content, value }: Field): void {
  const external = number === TENSOR_EXTERNAL_DATA || (number === TENSOR_DATA_LOCATION && value !== 0n)
  if (external || (number === TENSOR_DATA_LOCATION && content.length > 0))
    throw unsupported('data in other files')
}

type Field = { number: number; content: Uint8Array; value: bigint }

const NOTHING = new Uint8Array(0)

/** Fields of one message: `content` of length-delimited ones, `value` of varints. */
function* fieldsOf(bytes: Uint8Array): Generator<Field> {
  let at = 0
  const varint = (maxBytes: number): bigint => {
    let value = 0n
    for (let i = 0; i < maxBytes; i++) {
      const byte = bytes[at++]
      if (byte === undefined) throw unsupported('cut short')
      value |= BigInt(byte & 0x7f) << BigInt(7 * i)
      if (byte < 0x80) return value
    }
    throw unsupported('a number is too long')
  }
  const skip = (length: number): Uint8Array => {
    if (length > bytes.length - at) throw unsupported('cut short')
    at += length
    return bytes.subarray(at - length, at)
  }
  while (at < bytes.length) {
    const tag = Number(varint(5))
    const number = Math.floor(tag / 8)
    const wire = tag % 8
    if (number === 0 || tag > 0xffffffff) throw unsupported('not protobuf')
    if (wire === 0) yield { number, content: NOTHING, value: varint(10) }
    else if (wire === 1) skip(8)
    else if (wire === 2) yield { number, content: skip(Number(varint(5))), value: 0n }
    else if (wire === 5) skip(4)
    else throw unsupported('not protobuf')
  }
}

function unsupported(reason: string): ChannelError {
  return new ChannelError('unsupported-model', `model: ${reason}`)
}
