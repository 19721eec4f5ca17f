import type { Hex } from '@nacre/verify'
import { createKeccak } from 'hash-wasm'

const hasher = await createKeccak(256)

/**
 * keccak-256 of what a client sent, which may be long: in JavaScript a megabyte holds this thread up for 60 ms, in
 * WebAssembly for 3, and the operator's duties wait meanwhile.
 */
export function keccak256(bytes: Uint8Array): Hex {
  hasher.init()
  hasher.update(bytes)
  return `0x${hasher.digest('hex')}`
}
