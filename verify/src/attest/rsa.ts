import { concat, equalBytes, toHex } from '../bytes.ts'

/** An RSA public key: modulus n (big-endian, no leading zero) and exponent e. */
export type RsaKey = { modulus: Uint8Array; exponent: number }

type Hash = (bytes: Uint8Array) => Uint8Array

const MIN_BYTES = 256
const MAX_BYTES = 512
const MAX_EXPONENT = 65_537

/**
 * Whether a key may verify at all: AMD's have 4096 bits, anything shorter than 2048 is weak; an exponent of 1 signs nothing,
 * and its size bounds the work.
 */
export function isUsableRsaKey({ modulus, exponent }: RsaKey): boolean {
  const sized = modulus.length >= MIN_BYTES && modulus.length <= MAX_BYTES
  const isOdd = (modulus.at(-1) ?? 0) % 2 === 1
  return sized && isOdd && modulus[0] !== 0 && exponent >= 3 && exponent <= MAX_EXPONENT && exponent % 2 === 1
}

/**
 * Whether a key made an RSASSA-PSS signature (RFC 8017, section 8.1.2), its salt as long as the hash. All values are
 * public: nothing here is in constant time.
 */
export function verifyPss(message: Uint8Array, signature: Uint8Array, key: RsaKey, hash: Hash): boolean {
  const { modulus, exponent } = key
  if (!isUsableRsaKey(key) || signature.length !== modulus.length) return false
  const n = BigInt(toHex(modulus))
  const s = BigInt(toHex(signature))
  if (s >= n) return false
  const bits = n.toString(2).length - 1
  const encoded = toBytes(power(s, exponent, n), Math.ceil(bits / 8))
  return encoded !== undefined && isEncoded(hash(message), encoded, bits, hash)
}

/** EMSA-PSS-VERIFY (RFC 8017, section 9.1.2) of a message's hash; steps by number. */
function isEncoded(digest: Uint8Array, encoded: Uint8Array, bits: number, hash: Hash): boolean {
  const hashSize = digest.length
  const saltSize = hashSize
  // 3 and 4: room for hash and salt, and the last byte.
  if (encoded.length < hashSize + saltSize + 2 || encoded.at(-1) !== 0xbc) return false
  // 5 and 6: the masked part, whose bits beyond `bits` are zero.
  const maskedSize = encoded.length - hashSize - 1
  const masked = encoded.subarray(0, maskedSize)
  const found = encoded.subarray(maskedSize, -1)
  const keep = 0xff >> (8 * encoded.length - bits)
  if (((masked[0] as number) & ~keep) !== 0) return false
  // 7 to 9: unmask.
  const mask = mgf1(found, maskedSize, hash)
  const block = masked.map((byte, i) => byte ^ (mask[i] as number))
  block[0] = (block[0] as number) & keep
  // 10: zeros, a one, then the salt.
  const padding = maskedSize - saltSize - 1
  if (block.subarray(0, padding).some(byte => byte !== 0) || block[padding] !== 1) return false
  // 11 to 14: the hash over eight zeros, the digest and the salt.
  return equalBytes(hash(concat(new Uint8Array(8), digest, block.subarray(padding + 1))), found)
}

/** MGF1 (RFC 8017, appendix B.2.1). */
function mgf1(seed: Uint8Array, size: number, hash: Hash): Uint8Array {
  const blocks: Uint8Array[] = []
  for (let counter = 0, made = 0; made < size; counter++) {
    const block = hash(concat(seed, Uint8Array.of(0, 0, counter >> 8, counter & 0xff)))
    blocks.push(block)
    made += block.length
  }
  return concat(...blocks).subarray(0, size)
}

function power(base: bigint, exponent: number, modulus: bigint): bigint {
  let result = 1n
  let square = base
  for (let rest = exponent; rest > 0; rest >>= 1) {
    if (rest & 1) result = (result * square) % modulus
    square = (square * square) % modulus
  }
  return result
}

/** Big-endian bytes; undefined for a number that is too large for them. */
function toBytes(number: bigint, size: number): Uint8Array | undefined {
  const hex = number.toString(16).padStart(2 * size, '0')
  if (hex.length > 2 * size) return undefined
  return Uint8Array.from({ length: size }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16))
}
