import { constants, createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { concat, type EvidenceCrypto, fromHex, type ImageHashes, toHex } from '@nacre/verify'
import { isUsableRsaKey } from '@nacre/verify/attest/rsa'
import { createKeccak } from 'hash-wasm'
import { recover } from 'tiny-secp256k1'

const keccak = await createKeccak(256)

/** DER of a SubjectPublicKeyInfo of P-256 up to the point (RFC 5480, 2). */
const P256_PREFIX = fromHex('0x3059301306072a8648ce3d020106082a8648ce3d030107034200')
const P384_PREFIX = fromHex('0x3076301006072a8648ce3d020106052b81040022036200')

const keys = new Map<string, KeyObject>()
const MAX_KEYS = 16

/**
 * Faster primitives than noble's: OpenSSL's for hashes, P-256, P-384 and RSA-PSS; keccak-256 and libsecp256k1's recovery, which
 * OpenSSL does not offer, as WebAssembly. Pass it as `crypto` to the verifiers.
 */
export const nodeCrypto: EvidenceCrypto = {
  sha256: bytes => new Uint8Array(createHash('sha256').update(bytes).digest()),
  sha384: bytes => new Uint8Array(createHash('sha384').update(bytes).digest()),
  sha512: bytes => new Uint8Array(createHash('sha512').update(bytes).digest()),
  keccak256(bytes) {
    keccak.init()
    keccak.update(bytes)
    return keccak.digest('binary')
  },
  verifyEs256: (message, signature, publicKey) =>
    publicKey.length === 65 && isSigned('sha256', message, signature, concat(P256_PREFIX, publicKey), 64),
  verifyEs384: (message, signature, publicKey) =>
    publicKey.length === 97 && isSigned('sha384', message, signature, concat(P384_PREFIX, publicKey), 96),
  verifyPs384(message, signature, { modulus, exponent }) {
    // OpenSSL takes an exponent of 1 too, under which every encoded message is its own signature.
    if (!isUsableRsaKey({ modulus, exponent }) || signature.length !== modulus.length) return false
    const jwk = { kty: 'RSA', n: base64url(modulus), e: base64url(bytesOf(exponent)) }
    const padding = constants.RSA_PKCS1_PSS_PADDING
    try {
      const key = keyOf(`${jwk.n}.${jwk.e}`, () => createPublicKey({ key: jwk, format: 'jwk' }))
      return verify('sha384', message, { key, padding, saltLength: 48 }, signature)
    } catch {
      return false
    }
  },
  recoverSecp256k1(digest, signature, recovery) {
    const key = recover(digest, signature, recovery, false)
    if (!key) throw new Error('no public key signs this digest with this signature')
    return key
  },
}

/** What is computed over whole images, ten times as fast as in JavaScript. Pass it as `hashes`. */
export const nodeHashes: ImageHashes = {
  sha384(parts) {
    const hash = createHash('sha384')
    for (const part of parts) hash.update(part)
    return new Uint8Array(hash.digest())
  },
  crc32,
}

/** ECDSA; `spki` is the public key in DER. */
function isSigned(
  hash: string,
  message: Uint8Array,
  signature: Uint8Array,
  spki: Uint8Array,
  size: number,
): boolean {
  if (signature.length !== size) return false
  try {
    const key = keyOf(toHex(spki), () =>
      createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }),
    )
    return verify(hash, message, { key, dsaEncoding: 'ieee-p1363' }, signature)
  } catch {
    return false
  }
}

/**
 * A key as OpenSSL keeps it: to make one takes a third of a verification. The last few are kept, for a root and a leaf
 * come with every answer of an enclave, and one vendor's few keys sign the certificates of all of its machines; no
 * verdict is.
 */
function keyOf(id: string, make: () => KeyObject): KeyObject {
  const known = keys.get(id)
  if (known) return known
  const key = make()
  if (keys.size >= MAX_KEYS) keys.delete(keys.keys().next().value!)
  keys.set(id, key)
  return key
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}

/** Three bytes, big-endian: an RSA exponent is at most 65,537. */
function bytesOf(exponent: number): Uint8Array {
  return Uint8Array.of(exponent >> 16, (exponent >> 8) & 0xff, exponent & 0xff)
}
