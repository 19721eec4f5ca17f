import type { PublicClient } from 'viem'
import { read } from './client.ts'
import type { Head } from './watcher.ts'

/** When two transactions that follow each other are mined, as a chain's time, seconds. Throws CHAIN_UNAVAILABLE. */
export type MinedBy = (head: Head) => Promise<bigint>

/** Each in the block after the next at the latest. */
const WAITED = 4
const BLOCKS = 8
/** Of a chain that mines only what is sent nothing is known when it was quiet. */
const MAX_S = 15

/**
 * By the pace of the last blocks, the shortest time between two: a chain of slots has no shorter one, and on a chain that
 * mines only what is sent pauses are no waiting. Asked again when so many blocks have passed.
 */
export function createMinedBy(client: PublicClient): MinedBy {
  let last: { number: bigint; seconds: Promise<number> } | undefined
  const pace = (number: bigint): Promise<number> => {
    if (last && number >= last.number && number < last.number + BigInt(BLOCKS)) return last.seconds
    const asked = { number, seconds: read(() => measure(client, Number(number))) }
    last = asked
    asked.seconds.catch(() => {
      if (last === asked) last = undefined
    })
    return asked.seconds
  }
  return async ({ number, timestamp }) => timestamp + BigInt(WAITED * (await pace(number)))
}

async function measure(client: PublicClient, newest: number): Promise<number> {
  const first = Math.max(0, newest - BLOCKS)
  const numbers = Array.from({ length: newest - first + 1 }, (_, i) => BigInt(first + i))
  const blocks = await Promise.all(numbers.map(blockNumber => client.getBlock({ blockNumber })))
  const pauses = blocks.slice(1).map(({ timestamp }, i) => Number(timestamp - blocks[i]!.timestamp))
  return Math.max(1, Math.min(MAX_S, ...pauses))
}
