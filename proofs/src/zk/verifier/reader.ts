/** The bytes of a proof, in order (docs/zk-soundness.md, sections 3 and 8). */
import { proofsError } from '../../errors.ts'
import { P } from '../graph/limits.ts'
import type { K } from './field.ts'

export const DIGEST_SIZE = 32
/** Bytes of an element of K. */
export const ELEMENT_SIZE = 16

/** Reads a proof from its start, never beyond its end. */
export type Reader = {
  /** The next bytes, as a view. @throws NacreError zk-proof-size */
  bytes(size: number): Uint8Array
  /** How many bytes were read. */
  offset(): number
}

export function createReader(proof: Uint8Array): Reader {
  let offset = 0
  return {
    bytes(size) {
      if (size > proof.length - offset) {
        throw proofsError('zk-proof-size', `cut short: ${size} bytes wanted at ${offset} of ${proof.length}`)
      }
      offset += size
      return proof.subarray(offset - size, offset)
    },
    offset: () => offset,
  }
}

/** Elements of F of their bytes. @throws NacreError zk-not-canonical, naming the place, counted from `start` */
export function wordsOf(bytes: Uint8Array, start: number): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const words = new Uint32Array(bytes.length / 4)
  for (let i = 0; i < words.length; i++) {
    const word = view.getUint32(4 * i, true)
    if (word >= P) {
      throw proofsError('zk-not-canonical', `the word at byte ${start + 4 * i} is not below the modulus`)
    }
    words[i] = word
  }
  return words
}

/** Elements of K of their bytes. @throws NacreError zk-not-canonical */
export function elementsOf(bytes: Uint8Array, start: number): K[] {
  const words = wordsOf(bytes, start)
  const element = (i: number): K => [words[i]!, words[i + 1]!, words[i + 2]!, words[i + 3]!]
  return Array.from({ length: words.length / 4 }, (_, i) => element(4 * i))
}
