import { createHash, randomBytes } from 'node:crypto'
import type { Hex } from '@nacre/verify'
import { ApiError } from './apiErrors.ts'

/** The nonces of all answers: each is used once in an enclave's life (docs/inference.md, Nonce). */
export type Nonces = {
  /** A fresh one, not taken yet. */
  draw(): Hex
  /** @throws ApiError nonce_used */
  require(nonce: Hex): void
  /** For one request, and nobody else. @throws ApiError nonce_used, nonces_exhausted */
  hold(nonce: Hex): Held
}

/** What becomes of a nonce that is held: the first that is called counts. */
export type Held = {
  /** It is used, for good. */
  keep(): void
  /** It was not used: it may come again. */
  drop(): void
}

/** Most that an enclave remembers. */
export const MAX_NONCES = 2 ** 20
const DIGEST = 16

/**
 * What is remembered for good are nonces of requests that the engine has begun with: its work is what they cost, so that
 * nobody fills the table with what is refused or left at once, which anybody can seal by the thousand a second. It is no
 * weaker against replays. A nonce is held by one request at a time, and the engine begins once with it in an enclave's
 * life; before, nothing was told but a refusal, each time under another response nonce, and whoever sends the request
 * again could as well have held it back and sent it late.
 *
 * A table of fixed size with open addressing, half of it empty at most: its memory and the time of a look-up do not depend
 * on who asks. Digests under a secret are kept, so that nobody chooses nonces whose places are all the same.
 */
export function createNonces(max: number = MAX_NONCES): Nonces {
  const slots = 2 * max
  const table = Buffer.alloc(slots * DIGEST)
  const empty = Buffer.alloc(DIGEST)
  const secret = randomBytes(32)
  const held = new Map<Hex, Held>()
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
    if (held.has(nonce) || find(nonce).known)
      throw new ApiError('nonce_used', 'this nonce was used before: draw another', 'x-nacre-nonce')
  }
  return {
    draw: () => `0x${randomBytes(32).toString('hex')}`,
    require,
    hold(nonce) {
      require(nonce)
      if (count + held.size >= max)
        throw new ApiError('nonces_exhausted', 'this enclave has answered as often as it may: ask another')
      // Once it is dropped another request may hold it.
      const release = () => held.get(nonce) === own && held.delete(nonce)
      const own: Held = {
        keep() {
          if (!release()) return
          const { at, digest } = find(nonce)
          digest.copy(table, at)
          count++
        },
        drop: () => void release(),
      }
      held.set(nonce, own)
      return own
    },
  }
}
