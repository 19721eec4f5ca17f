import type { Hex } from '@nacre/verify'
import { createKeccak } from 'hash-wasm'

const hasher = await createKeccak(256)

/** keccak-256 of inputs and outputs, which may be long: in WebAssembly, twenty times as fast as in JavaScript. */
export function keccak256(bytes: Uint8Array): Hex {
  hasher.init()
  hasher.update(bytes)
  return `0x${hasher.digest('hex')}`
}

/** keccak-256 of bytes that come one piece after the other. */
export type RunningHash = { update(bytes: Uint8Array): void; digest(): Hex }

/** One hasher serves them all: between two pieces each keeps its state, some hundred bytes. */
export function createKeccak256(): RunningHash {
  let state = hasher.init().save()
  return {
    update(bytes) {
      state = hasher.load(state).update(bytes).save()
    },
    digest: () => `0x${hasher.load(state).digest('hex')}`,
  }
}
