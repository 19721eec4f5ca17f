import { sha384 } from '@noble/hashes/sha2.js'
import { crc32 } from './crc32.ts'

/**
 * What is computed over a whole image of a hundred megabytes: without copies of it, part by part. Pass a part of it to
 * replace the default (pure JavaScript) by a faster one.
 */
export type ImageHashes = {
  /** SHA-384 of the parts, one after the other. */
  sha384(parts: readonly Uint8Array[]): Uint8Array
  /** CRC-32 of bytes that follow those of `previous`, 0 at the beginning. */
  crc32(bytes: Uint8Array, previous: number): number
}

export const defaultHashes: ImageHashes = {
  sha384(parts) {
    const hash = sha384.create()
    for (const part of parts) hash.update(part)
    return hash.digest()
  },
  crc32,
}
