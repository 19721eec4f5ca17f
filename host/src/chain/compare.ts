import type { Block, PublicClient } from 'viem'
import { inTime } from '../common/wait.ts'
import { read } from './client.ts'

export type HeadBlock = Block<bigint, boolean, 'latest'>

/**
 * The newest block to read, and who shows it: `both`; `one`, whose word counts alone (the other is away, or the chain
 * that the primary shows is another); `second`, while the primary is alive and lacks it.
 */
export type Shown = { head: HeadBlock; by: 'both' | 'one' | 'second' }

/** `away`: without an answer; `behind`: without a block for longer than nodes differ; `apart`: with another one. */
export type WitnessState = 'agrees' | 'away' | 'behind' | 'apart'

export type Views = { of?: string; leading: unknown; other: unknown }

export type Compared = { shown: Shown | undefined; state: WitnessState; leads: 'primary' | 'second' }

export type ComparisonOptions = {
  /** How long one may be without a block that the other has. */
  lagMs: number
  works: (node: PublicClient) => boolean
  failed: (node: PublicClient) => void
  answered: (node: PublicClient) => void
  disagree: (what: string, views: Views) => void
}

/** Compares the newest blocks of two nodes, at every call, and remembers since when they differ. */
export function createComparison({ lagMs, works, failed, answered, disagree }: ComparisonOptions) {
  /** The height at which both have to be the same before they count as never having differed. */
  let differ: { height: bigint; since: number; told: boolean } | undefined

  /** Undefined when it fails, is being left alone, or takes so long that waiting for it would hold up the work. */
  async function blockOf(node: PublicClient, blockNumber?: bigint): Promise<HeadBlock | undefined> {
    if (!works(node)) return undefined
    const block = node.getBlock(blockNumber === undefined ? {} : { blockNumber }).catch(() => undefined)
    const found = await inTime(block, lagMs)
    if (found) answered(node)
    else failed(node)
    return found as HeadBlock | undefined
  }

  return async function compare(primary: PublicClient, second: PublicClient): Promise<Compared> {
    const [first, other] = await Promise.all([blockOf(primary), blockOf(second)])
    if (first && !other) return { shown: { head: first, by: 'one' }, state: 'away', leads: 'primary' }
    if (!first || !other) {
      const head = other ?? ((await read(() => primary.getBlock())) as HeadBlock)
      return { shown: { head, by: 'one' }, state: 'away', leads: other ? 'second' : 'primary' }
    }
    const height = lower(first.number, other.number)
    const [mine, theirs] = await Promise.all([
      first.number === height ? first : blockOf(primary, height),
      other.number === height ? other : blockOf(second, height),
    ])
    const same = mine?.hash !== undefined && mine.hash === theirs?.hash
    if (same && first.number === other.number) {
      differ = undefined
      return { shown: { head: earlier(mine, theirs!), by: 'both' }, state: 'agrees', leads: 'primary' }
    }
    if (!differ || (same && height >= differ.height)) {
      const highest = first.number > height ? first.number : other.number
      differ = { height: highest, since: performance.now(), told: false }
    }
    if (performance.now() - differ.since < lagMs) {
      const shown = same ? { head: earlier(mine, theirs!), by: 'both' as const } : undefined
      return { shown, state: same ? 'agrees' : 'apart', leads: 'primary' }
    }
    if (same && first.number < other.number)
      return { shown: { head: other, by: 'second' }, state: 'behind', leads: 'second' }
    if (!same && !differ.told) {
      differ.told = true
      disagree('block', { leading: mine?.hash, other: theirs?.hash })
    }
    return { shown: { head: first, by: 'one' }, state: same ? 'behind' : 'apart', leads: 'primary' }
  }

  /** A time in the future would let our requests lapse, a base fee that is too high keep us from answering. */
  function earlier(one: HeadBlock, other: HeadBlock): HeadBlock {
    if (one.timestamp === other.timestamp && one.baseFeePerGas === other.baseFeePerGas) return one
    const { timestamp, baseFeePerGas } = other
    disagree('header', { leading: [one.timestamp, one.baseFeePerGas], other: [timestamp, baseFeePerGas] })
    return {
      ...one,
      timestamp: lower(one.timestamp, timestamp),
      baseFeePerGas: lower(one.baseFeePerGas ?? 0n, baseFeePerGas ?? 0n),
    }
  }
}

export function lower(one: bigint, other: bigint): bigint {
  return one < other ? one : other
}
