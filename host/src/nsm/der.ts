/** A DER writer for what a minimal X.509 certificate needs: ITU-T X.690, definite lengths, canonical. */

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

const sequence = (...items: Uint8Array[]) => element(TAG.sequence, Buffer.concat(items))
const set = (...items: Uint8Array[]) => element(TAG.set, Buffer.concat(items))
const octetString = (bytes: Uint8Array) => element(TAG.octetString, bytes)
const utf8String = (text: string) => element(TAG.utf8String, Buffer.from(text, 'utf8'))
const boolean = (value: boolean) => element(TAG.boolean, Uint8Array.of(value ? 0xff : 0))
/** `[n]` EXPLICIT, constructed. */
const explicit = (n: number, content: Uint8Array) => element(0xa0 | n, content)

/** `unused` is the number of unused bits of the last byte. */
function bitString(bytes: Uint8Array, unused = 0): Uint8Array {
  return element(TAG.bitString, Buffer.concat([Uint8Array.of(unused), bytes]))
}

/** A non-negative big-endian integer: no superfluous leading zero, never read as negative. */
function integer(bigEndian: Uint8Array): Uint8Array {
  let start = 0
  while (start < bigEndian.length - 1 && bigEndian[start] === 0) start++
  const digits = bigEndian.subarray(start)
  return element(TAG.integer, digits[0]! & 0x80 ? Buffer.concat([Uint8Array.of(0), digits]) : digits)
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
  const text = Buffer.from(date.getUTCFullYear() < 2050 ? digits.slice(2) : digits, 'ascii')
  return element(date.getUTCFullYear() < 2050 ? TAG.utcTime : TAG.generalizedTime, text)
}

export const der = {
  sequence,
  set,
  integer,
  bitString,
  octetString,
  oid,
  utf8String,
  boolean,
  time,
  explicit,
}

function element(tag: number, content: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.from([tag, ...lengthOf(content.length)]), content])
}

function lengthOf(length: number): number[] {
  if (length < 0x80) return [length]
  const bytes = []
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256)
  return [0x80 | bytes.length, ...bytes]
}

function base128(value: number): number[] {
  const bytes = [value & 0x7f]
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) bytes.unshift((rest & 0x7f) | 0x80)
  return bytes
}
