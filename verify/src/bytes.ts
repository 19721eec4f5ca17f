import { NacreError } from './errors.ts'

/** Bytes as lower-case hex with an 0x prefix. */
export type Hex = `0x${string}`

export const ZERO_HASH: Hex = `0x${'00'.repeat(32)}`
export const ZERO_ADDRESS: Hex = `0x${'00'.repeat(20)}`

const DIGITS: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** The byte of two characters, at their codes (high | low); -1 where they are not lower-case hex. */
const BYTES: Int16Array = new Int16Array(0x10000).fill(-1)
for (const [byte, digits] of DIGITS.entries())
  BYTES[(digits.charCodeAt(0) << 8) | digits.charCodeAt(1)] = byte

export function toHex(bytes: Uint8Array): Hex {
  let text = '0x'
  for (const byte of bytes) text += DIGITS[byte]
  return text as Hex
}

/**
 * Bytes of lower-case 0x hex; `size` demands a length in bytes.
 * @throws NacreError invalid-hex
 */
export function fromHex(hex: string, size?: number): Uint8Array {
  if (typeof hex !== 'string' || hex.length % 2 !== 0 || !hex.startsWith('0x')) throw badHex(size)
  const length = (hex.length - 2) / 2
  if (size !== undefined && length !== size) throw badHex(size, length)
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) {
    const low = hex.charCodeAt(2 * i + 3)
    // A code of more than eight bits would run into the high character's; a high one is outside the table.
    const byte = low < 0x100 ? BYTES[(hex.charCodeAt(2 * i + 2) << 8) | low] : undefined
    if (byte === undefined || byte < 0) throw badHex(size)
    bytes[i] = byte
  }
  return bytes
}

export function concat(...parts: Uint8Array[]): Uint8Array {
  return concatAll(parts)
}

/** As `concat`, of any number of parts: some 120,000 arguments are more than a call can have. */
export function concatAll(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((total, part) => total + part.length, 0))
  let offset = 0
  for (const part of parts) {
    bytes.set(part, offset)
    offset += part.length
  }
  return bytes
}

/** Compares public values: not constant-time. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

/** UTF-8 bytes of a text. @throws NacreError invalid-text for a lone surrogate */
export function utf8(text: string): Uint8Array {
  if (!text.isWellFormed()) throw new NacreError('invalid-text', 'the text has half of a surrogate pair')
  const bytes: number[] = []
  for (const character of text) {
    const code = character.codePointAt(0) as number
    if (code < 0x80) bytes.push(code)
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), tail(code))
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), tail(code >> 6), tail(code))
    else bytes.push(0xf0 | (code >> 18), tail(code >> 12), tail(code >> 6), tail(code))
  }
  return Uint8Array.from(bytes)
}

/** The text of strict UTF-8 bytes. @throws NacreError invalid-text */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return decodeURIComponent(toHex(bytes).slice(2).replace(/../g, '%$&'))
  } catch (cause) {
    throw new NacreError('invalid-text', 'the bytes are not UTF-8', { cause })
  }
}

const tail = (code: number): number => 0x80 | (code & 0x3f)

function badHex(size?: number, actual?: number): NacreError {
  const wanted =
    size === undefined ? 'lower-case hex with an 0x prefix' : `${size} bytes of lower-case 0x hex`
  return new NacreError(
    'invalid-hex',
    `expected ${wanted}${actual === undefined ? '' : `, got ${actual} bytes`}`,
  )
}
