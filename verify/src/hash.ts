import { sha256 as nobleSha256, sha384 as nobleSha384 } from '@noble/hashes/sha2.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { type Hex, toHex } from './bytes.ts'

/** keccak-256 as hex: the protocol's "hash". */
export function keccak256(bytes: Uint8Array): Hex {
  return toHex(keccak_256(bytes))
}

/** SHA-256 as hex: artifacts, manifests, attested user data. */
export function sha256(bytes: Uint8Array): Hex {
  return toHex(nobleSha256(bytes))
}

export function sha384(bytes: Uint8Array): Uint8Array {
  return nobleSha384(bytes)
}
