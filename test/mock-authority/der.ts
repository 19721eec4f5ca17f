import { concat, utf8 } from '@nacre/verify'

/** A writer of DER (X.690) for test certificates. It writes what it is told, right or wrong. */
export function der(tag: number, ...contents: Uint8Array[]): Uint8Array {
  const content = concat(...contents)
  const { length } = content
  if (length < 0x80) return concat(Uint8Array.of(tag, length), content)
  if (length < 0x100) return concat(Uint8Array.of(tag, 0x81, length), content)
  return concat(Uint8Array.of(tag, 0x82, length >> 8, length & 0xff), content)
}

export const sequence = (...contents: Uint8Array[]): Uint8Array => der(0x30, ...contents)
export const octetString = (content: Uint8Array): Uint8Array => der(0x04, content)
export const bitString = (content: Uint8Array, unused = 0): Uint8Array =>
  der(0x03, Uint8Array.of(unused), content)
export const TRUE: Uint8Array = Uint8Array.of(0x01, 0x01, 0xff)

/** An unsigned INTEGER of big-endian bytes. */
export function integer(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex(byte => byte !== 0)
  const magnitude = first < 0 ? Uint8Array.of(0) : bytes.subarray(first)
  const padding = (magnitude[0] as number) >= 0x80 ? Uint8Array.of(0) : new Uint8Array(0)
  return der(0x02, padding, magnitude)
}

/** A name of one common name. */
export function nameOf(commonName: string): Uint8Array {
  const type = Uint8Array.of(0x06, 0x03, 0x55, 0x04, 0x03)
  return sequence(der(0x31, sequence(type, der(0x0c, utf8(commonName)))))
}

/** UTCTime until 2049, GeneralizedTime after (RFC 5280, section 4.1.2.5); seconds since 1970. */
export function timeOf(seconds: bigint): Uint8Array {
  const digits = new Date(Number(seconds) * 1000).toISOString().replace(/[-T:]|\.000/g, '')
  return digits < '2050' ? der(0x17, utf8(digits.slice(2))) : der(0x18, utf8(digits))
}

/** An ECDSA signature r|s as SEQUENCE of two INTEGERs. */
export function signatureOf(signature: Uint8Array): Uint8Array {
  return sequence(integer(signature.subarray(0, 32)), integer(signature.subarray(32)))
}
