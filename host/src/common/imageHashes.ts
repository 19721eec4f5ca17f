import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import type { ImageHashes } from '@nacre/verify'

/** What is computed over whole images, ten times as fast as in JavaScript. */
export const imageHashes: ImageHashes = {
  sha384(parts) {
    const hash = createHash('sha384')
    for (const part of parts) hash.update(part)
    return new Uint8Array(hash.digest())
  },
  crc32,
}
