import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { type CryptoProvider, concat, fromHex, type Hex, toHex } from '@nacre/verify'
import { createKeccak } from 'hash-wasm'
import { recover } from 'tiny-secp256k1'

const keccak = await createKeccak(256)

/** DER of a SubjectPublicKeyInfo of P-256 up to the point (RFC 5480, 2). */
const SPKI_PREFIX = fromHex('0x3059301306072a8648ce3d020106082a8648ce3d030107034200')

const keys = new Map<Hex, KeyObject>()
const MAX_KEYS = 16

/**
 * Faster primitives than noble's: OpenSSL's for hashes and P-256; keccak-256 and libsecp256k1's recovery, which
 * OpenSSL does not offer, as WebAssembly. Pass it as `crypto` to the verifiers.
 */
export const nodeCrypto: CryptoProvider = {
  sha256: bytes => new Uint8Array(createHash('sha256').update(bytes).digest()),
  sha384: bytes => new Uint8Array(createHash('sha384').update(bytes).digest()),
  keccak256(bytes) {
    keccak.init()
    keccak.update(bytes)
    return keccak.digest('binary')
  },
  verifyEs256(message, signature, publicKey) {
    if (signature.length !== 64 || publicKey.length !== 65) return false
    try {
      return verify('sha256', message, { key: p256Key(publicKey), dsaEncoding: 'ieee-p1363' }, signature)
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

/**
 * A key as OpenSSL keeps it: to make one takes a third of a verification. The last few are kept, for a root and a leaf
 * come with every answer of an enclave; no verdict is.
 */
function p256Key(point: Uint8Array): KeyObject {
  const id = toHex(point)
  const known = keys.get(id)
  if (known) return known
  const key = createPublicKey({
    key: Buffer.from(concat(SPKI_PREFIX, point)),
    format: 'der',
    type: 'spki',
  })
  if (keys.size >= MAX_KEYS) keys.delete(keys.keys().next().value!)
  keys.set(id, key)
  return key
}
