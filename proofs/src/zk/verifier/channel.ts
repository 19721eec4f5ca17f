/** What the prover sends and what the verifier asks (docs/zk-soundness.md, sections 3 and 7). */
import type { K } from './field.ts'
import { DIGEST_SIZE, ELEMENT_SIZE, elementsOf, type Reader } from './reader.ts'
import type { Draw, Transcript } from './transcript.ts'

/**
 * Reader and transcript in one: up to the queries nothing of a proof can be read without being absorbed, and so every challenge
 * depends on all that was sent before.
 */
export type Channel = {
  /** The prover's next `count` elements of K. @throws NacreError zk-not-canonical */
  receive(label: string, count: number): K[]
  /** The prover's next digest. */
  receiveDigest(label: string): Uint8Array
  challenge(label: string): Draw
}

export function createChannel(reader: Reader, transcript: Transcript): Channel {
  const receiveBytes = (label: string, size: number): Uint8Array => {
    const bytes = reader.bytes(size)
    transcript.absorb(label, bytes)
    return bytes
  }
  return {
    receive: (label, count) => {
      const start = reader.offset()
      return elementsOf(receiveBytes(label, count * ELEMENT_SIZE), start)
    },
    receiveDigest: label => receiveBytes(label, DIGEST_SIZE),
    challenge: label => transcript.challenge(label),
  }
}
