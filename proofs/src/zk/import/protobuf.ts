import { proofsError } from '../../errors.ts'

/** A field of a protobuf message: a number of wire type 0, the bytes of type 2, or the 4 or 8 bytes of types 5 and 1. */
export type Field = { number: number; wire: number; value: number; bytes: Uint8Array }

const NONE = new Uint8Array(0)

/**
 * The fields of one protobuf message, in their order. Nothing is copied.
 * @throws NacreError invalid-graph where the bytes are no message
 */
export function fieldsOf(message: Uint8Array): Field[] {
  const fields: Field[] = []
  let offset = 0
  const fail = (why: string): never => {
    throw proofsError('invalid-graph', `not an ONNX file: ${why}`)
  }
  const varint = (): number => {
    // int64 in two's complement: the numbers wanted here are small, of either sign.
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      if (offset >= message.length) return fail('a number is cut short')
      const byte = message[offset++]!
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return Number(BigInt.asIntN(64, value))
    }
    return fail('a number has more than 10 bytes')
  }
  const take = (length: number): Uint8Array => {
    if (length < 0 || length > message.length - offset) return fail('a field is longer than its message')
    offset += length
    return message.subarray(offset - length, offset)
  }
  while (offset < message.length) {
    const tag = varint()
    const [number, wire] = [Math.floor(tag / 8), tag & 7]
    if (wire === 0) fields.push({ number, wire, value: varint(), bytes: NONE })
    else if (wire === 1) fields.push({ number, wire, value: 0, bytes: take(8) })
    else if (wire === 2) fields.push({ number, wire, value: 0, bytes: take(varint()) })
    else if (wire === 5) fields.push({ number, wire, value: 0, bytes: take(4) })
    else fail(`wire type ${wire}`)
  }
  return fields
}

/** The numbers of a repeated integer field, packed or not. */
export function integers(fields: readonly Field[], number: number): number[] {
  return fields.filter(field => field.number === number).flatMap(integersOf)
}

function integersOf({ wire, value, bytes }: Field): number[] {
  if (wire === 0) return [value]
  // Packed: numbers one after the other. Each as the field of a message of its own is the same bytes with a tag before it.
  const values: number[] = []
  for (let start = 0; start < bytes.length; ) {
    let end = start
    while (end < bytes.length && bytes[end]! >= 0x80) end++
    values.push(fieldsOf(Uint8Array.of(8, ...bytes.subarray(start, end + 1)))[0]!.value)
    start = end + 1
  }
  return values
}

export const messages = (fields: readonly Field[], number: number): Uint8Array[] =>
  fields.filter(field => field.number === number && field.wire === 2).map(field => field.bytes)

export const text = (fields: readonly Field[], number: number): string =>
  messages(fields, number)
    .map(bytes => new TextDecoder().decode(bytes))
    .at(-1) ?? ''

export const integer = (fields: readonly Field[], number: number): number =>
  integers(fields, number).at(-1) ?? 0

/** A float field, as wire type 5. */
export function float(fields: readonly Field[], number: number): number | undefined {
  const field = fields.findLast(other => other.number === number && other.wire === 5)
  return field && viewOf(field.bytes).getFloat32(0, true)
}

export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
