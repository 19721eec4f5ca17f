import { NacreError } from './errors.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const VALUES = new Map([...ALPHABET].map((digit, value) => [digit, value]))

/** Base64url without padding (RFC 4648, section 5). */
export function toBase64url(bytes: Uint8Array): string {
  let [text, held, bits] = ['', 0, 0]
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xffff
    for (bits += 8; bits >= 6; bits -= 6) text += ALPHABET[(held >> (bits - 6)) & 63]
  }
  return bits === 0 ? text : text + ALPHABET[(held << (6 - bits)) & 63]
}

/** @throws NacreError invalid-text for anything but the one encoding of some bytes */
export function fromBase64url(text: string): Uint8Array {
  const bytes = new Uint8Array(Math.floor((text.length * 6) / 8))
  let [at, held, bits] = [0, 0, 0]
  for (const digit of text) {
    const value = VALUES.get(digit)
    if (value === undefined) throw new NacreError('invalid-text', 'a character is none of base64url')
    held = ((held << 6) | value) & 0xffff
    bits += 6
    if (bits < 8) continue
    bits -= 8
    bytes[at++] = held >> bits
  }
  const canonical = text.length % 4 !== 1 && (held & ((1 << bits) - 1)) === 0
  if (!canonical) throw new NacreError('invalid-text', 'not canonical base64url')
  return bytes
}
