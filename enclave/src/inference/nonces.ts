import { createHash, randomBytes } from 'node:crypto'
import type { Hex } from '@nacre/verify'
import { ApiError } from './apiErrors.ts'

/** The nonces of all answers: each is used once in an enclave's life (docs/inference.md, Nonce). */
export type Nonces = {
  /** A fresh one, not taken yet. */
  draw(): Hex
  /** @throws ApiError nonce_used */
  require(nonce: Hex): void
  /** @throws ApiError nonce_used, nonces_exhausted */
  take(nonce: Hex): void
}

/** Most that an enclave remembers. */
export const MAX_NONCES = 2 ** 20
const DIGEST = 16

/**
 * A table of fixed size with open addressing, half of it empty at most: its memory and the time of a look-up do not depend
 * on who asks. Digests under a secret are kept, so that nobody chooses nonces whose places are all the same.
 */
export function createNonces(max: number = MAX_NONCES): Nonces {
  const slots = 2 * max
  const table = Buffer.alloc(slots * DIGEST)
  const empty = Buffer.alloc(DIGEST)
  const secret = randomBytes(32)
  let count = 0

  /** Where it is, or where it would be. */
  const find = (nonce: Hex): { at: number; digest: Buffer; known: boolean } => {
    const digest = createHash('sha256').update(secret).update(nonce).digest().subarray(0, DIGEST)
    for (let slot = digest.readUInt32LE() % slots; ; slot = (slot + 1) % slots) {
      const at = slot * DIGEST
      const found = table.subarray(at, at + DIGEST)
      if (found.equals(digest)) return { at, digest, known: true }
      if (found.equals(empty)) return { at, digest, known: false }
    }
  }
  const require = (nonce: Hex) => {
    const place = find(nonce)
    if (place.known)
      throw new ApiError('nonce_used', 'this nonce was used before: draw another', 'x-nacre-nonce')
    return place
  }
  return {
    draw: () => `0x${randomBytes(32).toString('hex')}`,
    require: nonce => void require(nonce),
    take(nonce) {
      const { at, digest } = require(nonce)
      if (count >= max)
        throw new ApiError('nonces_exhausted', 'this enclave has answered as often as it may: ask another')
      digest.copy(table, at)
      count++
    },
  }
}
