import type { PublicClient } from 'viem'
import { recent } from '../common/recent.ts'
import { read } from './client.ts'
import type { Head } from './watcher.ts'

/** Time of the next block, seconds. Throws CHAIN_UNAVAILABLE. */
export type NextTime = (head: Head) => Promise<bigint>

const FRESH_MS = 1_000

/**
 * A chain without traffic may mine no block while a window passes: the newest one's time would stand still. Asked once
 * a second, not for each request: to say it, a node makes a block of all that waits.
 */
export function createNextTime(client: PublicClient): NextTime {
  const pending = recent(FRESH_MS, () => read(() => client.getBlock({ blockTag: 'pending' })))
  return async head => {
    const time = BigInt((await pending()).timestamp)
    return time > head.timestamp ? time : head.timestamp
  }
}
