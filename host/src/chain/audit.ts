import type { Hex, Log } from 'viem'
import { read } from './client.ts'
import { lower, type Shown } from './compare.ts'
import type { Nodes } from './nodes.ts'

export type ChainLog = Log<bigint, number, false>

/** Blocks (from, to], and the hashes known of them. */
export type Span = { from: bigint; to: bigint; hashes: ReadonlyMap<bigint, Hex> }

export type AuditOptions = {
  nodes: Nodes
  addresses: Hex[]
  /** Whether an event obliges us: it counts when one node shows it, any other when both do. */
  obliges: (log: ChainLog) => boolean
  /** Blocks a call of eth_getLogs. */
  range: number
}

/** What counts of the events that the nodes show. */
export type Audit = {
  /** Of a span of which the leading node showed these events. */
  review(span: Span, logs: ChainLog[], by: Shown['by']): Promise<ChainLog[]>
  /** What obliges us in blocks (since, to] of which only one node was asked so far, and which that one did not show. */
  catchUp(since: bigint, to: bigint): Promise<ChainLog[]>
}

/** Holds the events of two nodes against each other; with one node all that it shows counts. */
export function createAudit({ nodes, addresses, obliges, range }: AuditOptions): Audit {
  /** The last block before those that only one node was asked for; after a start the latest ones are read again. */
  let unseen: bigint | undefined
  let started = false

  async function fromWitness({ from, to, hashes }: Span): Promise<ChainLog[] | undefined> {
    const filter = { address: addresses, fromBlock: from + 1n, toBlock: to }
    const logs = await nodes
      .witness()
      ?.getLogs(filter)
      .catch(() => undefined)
    const stray = logs?.find(log => (hashes.get(log.blockNumber) ?? log.blockHash) !== log.blockHash)
    if (!stray) return logs
    nodes.disagree('block', { leading: hashes.get(stray.blockNumber), other: stray.blockHash })
    return undefined
  }

  function compare(leading: ChainLog[], other: ChainLog[]) {
    const missing = (from: ChainLog[], among: ChainLog[]) => {
      const known = new Set(among.map(keyOf))
      return from.filter(log => !known.has(keyOf(log)))
    }
    const onlyLeading = missing(leading, other)
    const onlyOther = missing(other, leading)
    for (const log of onlyLeading) nodes.disagree('event', { leading: nameOf(log), other: 'no such event' })
    for (const log of onlyOther) nodes.disagree('event', { leading: 'no such event', other: nameOf(log) })
    return { onlyLeading, onlyOther }
  }

  return {
    async review(span, logs, by) {
      const others = by === 'both' ? await fromWitness(span) : undefined
      if (!others) {
        unseen ??= span.from
        return by === 'second' ? logs.filter(obliges) : logs
      }
      const { onlyLeading, onlyOther } = compare(logs, others)
      const frees = new Set(onlyLeading.filter(log => !obliges(log)))
      return [...logs.filter(log => !frees.has(log)), ...onlyOther.filter(obliges)].sort(inOrder)
    },
    async catchUp(since, to) {
      if (!started) unseen = since
      started = true
      if (unseen === undefined || unseen >= to || !nodes.witness()) return []
      const upTo = lower(unseen + BigInt(range), to)
      const filter = { address: addresses, fromBlock: unseen + 1n, toBlock: upTo }
      const logs = await read(() => nodes.client.getLogs(filter))
      const hashes = new Map(logs.map(({ blockNumber, blockHash }) => [blockNumber, blockHash]))
      const others = await fromWitness({ from: unseen, to: upTo, hashes })
      if (!others) return []
      unseen = upTo < to ? upTo : undefined
      return compare(logs, others).onlyOther.filter(obliges)
    },
  }
}

function keyOf({ blockHash, logIndex, topics, data }: ChainLog): string {
  return [blockHash, logIndex, ...topics, data].join()
}

/** What finds it; its data may be a request's whole input. */
function nameOf({ blockNumber, transactionHash, logIndex, topics }: ChainLog): unknown {
  return { block: Number(blockNumber), transaction: transactionHash, logIndex, topics }
}

/** As the chain has them. */
export function inOrder(one: ChainLog, other: ChainLog): number {
  return Number(one.blockNumber - other.blockNumber) || one.logIndex - other.logIndex
}
