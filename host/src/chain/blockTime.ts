import type { PublicClient } from 'viem'
import { read } from './client.ts'
import type { Head } from './watcher.ts'

/** Seconds from one block to the next, of late, rounded up. Throws CHAIN_UNAVAILABLE. */
export type BlockTime = (head: Head) => Promise<number>

const BLOCKS = 8
/** A chain that mines only what is sent has pauses, which say nothing of how long a transaction waits. */
const MAX_S = 30

/** The median of the last blocks', which one pause does not change; asked again when so many have passed. */
export function createBlockTime(client: PublicClient): BlockTime {
  let last: { number: bigint; seconds: Promise<number> } | undefined
  return ({ number }) => {
    if (last && number >= last.number && number < last.number + BigInt(BLOCKS)) return last.seconds
    const asked = { number, seconds: read(() => measure(client, Number(number))) }
    last = asked
    asked.seconds.catch(() => {
      if (last === asked) last = undefined
    })
    return asked.seconds
  }
}

async function measure(client: PublicClient, newest: number): Promise<number> {
  const first = Math.max(0, newest - BLOCKS)
  const numbers = Array.from({ length: newest - first + 1 }, (_, i) => BigInt(first + i))
  const blocks = await Promise.all(numbers.map(blockNumber => client.getBlock({ blockNumber })))
  const pauses = blocks
    .slice(1)
    .map(({ timestamp }, i) => Number(timestamp - blocks[i]!.timestamp))
    .sort((a, b) => a - b)
  const median = pauses[Math.floor(pauses.length / 2)] ?? 1
  return Math.min(MAX_S, Math.max(1, median))
}
