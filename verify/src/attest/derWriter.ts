import { concat, utf8 } from '../bytes.ts'
import { TAG } from './der.ts'

/** A DER writer for what a minimal X.509 certificate needs: ITU-T X.690, definite lengths, canonical. */

const sequence = (...items: Uint8Array[]): Uint8Array => element(TAG.sequence, concat(...items))
const set = (...items: Uint8Array[]): Uint8Array => element(TAG.set, concat(...items))
const octetString = (bytes: Uint8Array): Uint8Array => element(TAG.octetString, bytes)
const utf8String = (text: string): Uint8Array => element(TAG.utf8String, utf8(text))
const boolean = (value: boolean): Uint8Array => element(TAG.boolean, Uint8Array.of(value ? 0xff : 0))
/** `[n]` EXPLICIT, constructed. */
const explicit = (n: number, content: Uint8Array): Uint8Array => element(0xa0 | n, content)

/** `unused` is the number of unused bits of the last byte. */
function bitString(bytes: Uint8Array, unused = 0): Uint8Array {
  return element(TAG.bitString, concat(Uint8Array.of(unused), bytes))
}

/** A non-negative big-endian integer: no superfluous leading zero, never read as negative. */
function integer(bigEndian: Uint8Array): Uint8Array {
  let start = 0
  while (start < bigEndian.length - 1 && bigEndian[start] === 0) start++
  const digits = bigEndian.subarray(start)
  return element(TAG.integer, digits[0]! & 0x80 ? concat(Uint8Array.of(0), digits) : digits)
}

function oid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  return element(TAG.oid, Uint8Array.from([first * 40 + second, ...rest].flatMap(base128)))
}

/** RFC 5280, 4.1.2.5: UTCTime through 2049, GeneralizedTime after; whole seconds, Zulu. */
function time(date: Date): Uint8Array {
  const digits = date
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replace(/[-:T]/g, '')
  const text = utf8(date.getUTCFullYear() < 2050 ? digits.slice(2) : digits)
  return element(date.getUTCFullYear() < 2050 ? TAG.utcTime : TAG.generalizedTime, text)
}

/** Each element from its content. */
export const derWriter: {
  sequence: typeof sequence
  set: typeof set
  integer: typeof integer
  bitString: typeof bitString
  octetString: typeof octetString
  oid: typeof oid
  utf8String: typeof utf8String
  boolean: typeof boolean
  time: typeof time
  explicit: typeof explicit
} = { sequence, set, integer, bitString, octetString, oid, utf8String, boolean, time, explicit }

function element(tag: number, content: Uint8Array): Uint8Array {
  return concat(Uint8Array.from([tag, ...lengthOf(content.length)]), content)
}

function lengthOf(length: number): number[] {
  if (length < 0x80) return [length]
  const bytes: number[] = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256)
  return [0x80 | bytes.length, ...bytes]
}

function base128(value: number): number[] {
  const bytes = [value & 0x7f]
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) bytes.unshift((rest & 0x7f) | 0x80)
  return bytes
}
