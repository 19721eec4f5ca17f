import { createHash } from 'node:crypto'
import { requestId } from '@nacre/verify'
import type { Answer } from './answer.ts'
import { ChannelError } from './errors.ts'
import type { Job } from './job.ts'
import { MAX_ANSWER_BYTES, MAX_ANSWERS } from './limits.ts'

/**
 * The answers given, so that a repeated job gets the receipt that exists and a different job under the same request
 * is refused: one key never signs two answers to one request while it remembers the first. It forgets the oldest
 * when full (limits.ts); what protects a relay request after that is the commitment on chain, which fixes artifact
 * and input, and that the engine is deterministic.
 */
export type Memory = {
  /** The remembered answer of this job, or `make`'s. @throws ChannelError conflicting-job, and what `make` throws */
  recall(job: Job, make: () => Promise<Answer>): Promise<Answer>
}

type Entry = { fingerprint: string; answer: Promise<Answer>; size: number }

export function createMemory(
  chainId: bigint,
  limits = { answers: MAX_ANSWERS, bytes: MAX_ANSWER_BYTES },
): Memory {
  const entries = new Map<string, Entry>()
  let bytes = 0
  const forget = (key: string): void => {
    bytes -= entries.get(key)?.size ?? 0
    entries.delete(key)
  }
  return {
    recall(job, make) {
      const key = keyOf(chainId, job)
      const fingerprint = fingerprintOf(job)
      const known = entries.get(key)
      if (known && known.fingerprint !== fingerprint) throw conflict(key)
      if (known) return known.answer
      const entry: Entry = { fingerprint, answer: make(), size: 0 }
      entries.set(key, entry)
      entry.answer = entry.answer.then(
        answer => {
          if (entries.get(key) !== entry) return answer
          entry.size = answer.output.length
          bytes += entry.size
          while (bytes > limits.bytes || entries.size > limits.answers) forget(entries.keys().next().value!)
          return answer
        },
        error => {
          if (entries.get(key) === entry) entries.delete(key)
          throw error
        },
      )
      return entry.answer
    },
  }
}

/**
 * A relay request is answered once for each block that it may be in (a reorganisation moves it); a client's once:
 * its anchor is only the host's hint.
 */
function keyOf(chainId: bigint, { origin, anchor }: Job): string {
  const id = requestId(chainId, origin)
  return origin.type === 'relay' ? `${id}@${anchor.hash}` : id
}

/** Of all that the answer depends on; a client's anchor may differ in a repeat. */
function fingerprintOf({ origin, artifact, input, anchor, maxOutput, usage }: Job): string {
  const facts = [artifact, maxOutput, usage.units, usage.price, usage.errorPrice, usage.token]
  if (origin.type === 'relay') facts.push(anchor.number)
  return createHash('sha256').update(`${facts.join()};`).update(input).digest('hex')
}

function conflict(key: string): ChannelError {
  return new ChannelError('conflicting-job', `request ${key} was answered for another job`)
}
