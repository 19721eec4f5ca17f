import { NacreError } from '../errors.ts'

/** One DER element (X.690): its tag, its content, and all of its bytes. */
export type Der = { tag: number; content: Uint8Array; bytes: Uint8Array }

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  context0: 0xa0,
  context3: 0xa3,
} as const

/** Exactly one element of a tag. @throws NacreError invalid-certificate */
export function readOne(bytes: Uint8Array, tag: number): Uint8Array {
  const [element, ...rest] = readAll(bytes)
  if (element?.tag !== tag || rest.length > 0)
    throw invalid(`expected one element of tag 0x${tag.toString(16)}`)
  return element.content
}

/** All elements, one after the other. @throws NacreError invalid-certificate */
export function readAll(bytes: Uint8Array): Der[] {
  const elements: Der[] = []
  for (let offset = 0; offset < bytes.length; ) {
    const element = readElement(bytes.subarray(offset))
    elements.push(element)
    offset += element.bytes.length
  }
  return elements
}

/** A non-negative INTEGER in its shortest form, at most `size` bytes, left-padded. @throws NacreError invalid-certificate */
export function readUnsigned(content: Uint8Array, size: number): Uint8Array {
  const [first = 0x80, second = 0x80] = content
  if (first >= 0x80) throw invalid('an integer is negative or empty')
  if (first === 0 && content.length > 1 && second < 0x80)
    throw invalid('an integer is not in its shortest form')
  const magnitude = first === 0 ? content.subarray(1) : content
  if (magnitude.length > size) throw invalid(`an integer is longer than ${size} bytes`)
  const padded = new Uint8Array(size)
  padded.set(magnitude, size - magnitude.length)
  return padded
}

/** A BIT STRING of whole bytes. @throws NacreError invalid-certificate */
export function readBytes(content: Uint8Array): Uint8Array {
  if (content[0] !== 0) throw invalid('a bit string has unused bits')
  return content.subarray(1)
}

/** UTCTime or GeneralizedTime in seconds since 1970 (RFC 5280, section 4.1.2.5). @throws NacreError invalid-certificate */
export function readTime(element: Der | undefined): bigint {
  const text = String.fromCharCode(...(element?.content.subarray(0, 16) ?? []))
  const utc = element?.tag === TAG.utcTime && /^\d{12}Z$/.test(text)
  const generalized = element?.tag === TAG.generalizedTime && /^\d{14}Z$/.test(text)
  if (!utc && !generalized) throw invalid('a time is neither UTCTime nor GeneralizedTime')
  const digits = utc ? (text < '5' ? '20' : '19') + text : text
  const iso = digits.replace(/(....)(..)(..)(..)(..)(..)Z/, '$1-$2-$3T$4:$5:$6.000Z')
  const date = new Date(iso)
  if (Number.isNaN(date.getTime()) || date.toISOString() !== iso) throw invalid(`${digits} is no time`)
  return BigInt(date.getTime() / 1000)
}

function readElement(bytes: Uint8Array): Der {
  const [tag, first] = bytes
  if (tag === undefined || first === undefined) throw invalid('cut short')
  if ((tag & 0x1f) === 0x1f) throw invalid('a tag of several bytes')
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f
  if (first === 0x80 || lengthBytes > 2) throw invalid('an indefinite length, or one beyond 65,535')
  const header = 2 + lengthBytes
  let length = lengthBytes === 0 ? first : 0
  for (const byte of bytes.subarray(2, header)) length = length * 256 + byte
  const shortest = length < 0x80 ? 0 : length < 0x100 ? 1 : 2
  if (bytes.length < header + length) throw invalid('cut short')
  if (lengthBytes !== shortest) throw invalid('a length is not in its shortest form')
  return { tag, content: bytes.subarray(header, header + length), bytes: bytes.subarray(0, header + length) }
}

function invalid(reason: string): NacreError {
  return new NacreError('invalid-certificate', `not strict DER: ${reason}`)
}
