import type { Hex } from '@nacre/verify'
import { createKeccak } from 'hash-wasm'

const hasher = await createKeccak(256)

/** keccak-256 of inputs and outputs, which may be long: in WebAssembly, twenty times as fast as in JavaScript. */
export function keccak256(bytes: Uint8Array): Hex {
  hasher.init()
  hasher.update(bytes)
  return `0x${hasher.digest('hex')}`
}
