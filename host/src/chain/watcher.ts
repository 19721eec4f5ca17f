import { setTimeout as sleep } from 'node:timers/promises'
import { BlockNotFoundError, type Hex, type PublicClient } from 'viem'
import { FatalError, RetryableError } from '../common/errors.ts'
import { retry } from '../common/wait.ts'
import { type Database, databaseError, type Queries } from '../database/connect.ts'
import { type Audit, type ChainLog, createAudit, inOrder } from './audit.ts'
import { mayHoldEvents } from './bloom.ts'
import { isTooMuch, read } from './client.ts'
import { type HeadBlock, lower, type Shown } from './compare.ts'
import {
  advanceCursor,
  type BlockId,
  createCursor,
  keptBlocks,
  type Origin,
  readCursor,
  rewindCursor,
} from './cursor.ts'
import { watchHeads } from './heads.ts'
import type { Nodes } from './nodes.ts'

export type Head = { number: bigint; hash: Hex; timestamp: bigint; baseFee: bigint }

export type WatcherOptions = {
  nodes: Nodes
  wsUrl?: string
  database: Database
  origin: Origin
  /** Contracts whose events are read. */
  addresses: Hex[]
  /** Stores events in the transaction that moves the cursor; of what obliges also again, or later. */
  apply: (queries: Queries, logs: ChainLog[]) => Promise<void>
  /** Whether an event obliges us: it counts when one node shows it, any other when both do. */
  obliges: (log: ChainLog) => boolean
  /** Undoes what was stored of blocks after `ancestor`, in the transaction that moves the cursor back. */
  rewind: (queries: Queries, ancestor: bigint) => Promise<void>
  /** After every pass, also one that found nothing new. */
  onSynced?: (head: Head) => void
  onRetry?: (error: unknown) => void
  onConnection?: (connected: boolean) => void
  signal: AbortSignal
  pollMs?: number
  /** Blocks whose hashes are kept; a deeper reorganisation reads everything again. */
  keep?: number
  /** Blocks a call of eth_getLogs. */
  range?: number
}

export type Watcher = {
  /** Reads up to the head; calls at the same time share one pass that starts after the call. */
  sync(): Promise<void>
  /** Ends when the signal aborts, or throws a fatal error. */
  run(): Promise<void>
}

type Pass = WatcherOptions & { audit: Audit }

const RANGE = 500
export const KEEP = 128
/** One in hand, and one that sees what came since. What cannot be read is tried by these, not by more at every poll. */
const MAX_PASSES = 2
const MAX_PAUSE_MS = 5_000
/** What a node that shows a block is given to show its events too. */
const LATE_MS = 100

/** Follows the chain: announcements and polling both feed `sync`, which alone moves the cursor. */
export function createWatcher(options: WatcherOptions): Watcher {
  const { nodes, addresses, obliges, range = RANGE } = options
  const audit = createAudit({ nodes, addresses, obliges, range })
  let current: Promise<void> | undefined
  let next: Promise<void> | undefined

  function sync(): Promise<void> {
    if (!current) {
      current = syncOnce({ ...options, audit })
        .catch(error => Promise.reject(databaseError(error)))
        .finally(() => {
          current = undefined
        })
      return current
    }
    next ??= current
      .catch(() => {})
      .then(() => {
        next = undefined
        return sync()
      })
    return next
  }

  return { sync, run: () => run(options, sync) }
}

async function run(options: WatcherOptions, sync: () => Promise<void>): Promise<void> {
  const { signal, pollMs = 1_000, wsUrl, onRetry, onConnection } = options
  const stopped = Promise.withResolvers<void>()
  let passes = 0
  const pass = async () => {
    if (passes === MAX_PASSES) return
    passes++
    await retry(sync, { signal, maxMs: Math.min(pollMs, MAX_PAUSE_MS), ...(onRetry ? { onRetry } : {}) })
      .catch(error => {
        if (!signal.aborted) stopped.reject(error)
      })
      .finally(() => passes--)
  }
  const timer = setInterval(pass, pollMs)
  signal.addEventListener('abort', () => stopped.resolve(), { once: true })
  if (signal.aborted) stopped.resolve()
  const heads =
    wsUrl && watchHeads({ wsUrl, onHead: pass, signal, ...(onConnection ? { onState: onConnection } : {}) })
  try {
    await pass()
    await stopped.promise
  } finally {
    clearInterval(timer)
    if (signal.aborted) await heads
  }
}

async function syncOnce(options: Pass): Promise<void> {
  const { database, nodes, origin, audit, keep = KEEP, onSynced } = options
  const shown = await nodes.head()
  if (!shown) return
  const { head } = shown
  const stored = (await readCursor(database.queries, origin)) ?? (await start(options))
  const at = await readUpTo(options, await shareAncestor(options, stored, head), shown)
  const kept = at.number - BigInt(keep)
  const missed = await audit.catchUp(kept > origin.fromBlock ? kept : origin.fromBlock - 1n, at.number)
  if (missed.length > 0) await database.transaction(queries => options.apply(queries, missed))
  onSynced?.({
    number: head.number,
    hash: head.hash,
    timestamp: head.timestamp,
    baseFee: head.baseFeePerGas ?? 0n,
  })
}

/** Block ranges that are too much for one answer are halved. */
async function readUpTo(options: Pass, from: BlockId, shown: Shown): Promise<BlockId> {
  const { number: last } = shown.head
  let range = BigInt(options.range ?? RANGE)
  let at = from
  while (at.number < last) {
    at = await advance(options, at, lower(at.number + range, last), shown).catch(error => {
      if (range === 1n || !isTooMuch(error)) throw error
      range /= 2n
      return at
    })
  }
  return at
}

async function start({ database, origin, nodes }: Pass): Promise<BlockId> {
  const at = await firstBlock(nodes.client, origin)
  await database.transaction(queries => createCursor(queries, origin, at))
  return at
}

/** The block before the first one that matters. */
async function firstBlock(client: PublicClient, { fromBlock }: Origin): Promise<BlockId> {
  const number = fromBlock > 0n ? fromBlock - 1n : 0n
  const hash = await hashAt(client, number)
  if (hash) return { number, hash }
  throw new FatalError(
    'DEPLOYMENT_MISMATCH',
    `The chain has no block ${number}, before which nothing was deployed.`,
    {
      fix: 'Point rpcUrl at the chain of the deployment, or deploy again.',
    },
  )
}

/** The stored block if the chain still has it; otherwise goes back to the newest one that both have. */
async function shareAncestor(options: Pass, stored: BlockId, head: HeadBlock): Promise<BlockId> {
  const { database } = options
  const { client } = options.nodes
  if (head.hash === stored.hash || head.parentHash === stored.hash) return stored
  if ((await hashAt(client, stored.number)) === stored.hash) return stored
  const ancestor = (await newestShared(options)) ?? (await firstBlock(client, options.origin))
  await database.transaction(async queries => {
    await rewindCursor(queries, stored, ancestor)
    await options.rewind(queries, ancestor.number)
  })
  return ancestor
}

async function newestShared({ nodes, database }: Pass): Promise<BlockId | undefined> {
  for (const block of await keptBlocks(database.queries)) {
    if ((await hashAt(nodes.client, block.number)) === block.hash) return block
  }
  return undefined
}

async function hashAt(client: PublicClient, number: bigint): Promise<Hex | undefined> {
  return read(async () => {
    try {
      return (await client.getBlock({ blockNumber: number })).hash
    } catch (error) {
      if (error instanceof BlockNotFoundError) return undefined
      throw error
    }
  })
}

/** Reads (at, to] and stores it with the cursor, if what was read is one chain on top of `at`. */
async function advance(options: Pass, at: BlockId, to: bigint, { head, by }: Shown): Promise<BlockId> {
  const { database, addresses, apply, audit, keep = KEEP } = options
  const { client } = options.nodes
  const lowest = head.number - BigInt(keep)
  const first = at.number < lowest ? (lowest < to ? lowest + 1n : to) : at.number + 1n
  const numbers = Array.from({ length: Number(to - first) + 1 }, (_, index) => first + BigInt(index))
  const headers = numbers.map(number =>
    number === head.number ? head : client.getBlock({ blockNumber: number }),
  )
  const [blocks, shownLogs] = await read(() =>
    Promise.all([
      Promise.all(headers),
      client.getLogs({ address: addresses, fromBlock: at.number + 1n, toBlock: to }),
    ]),
  )
  const logs = [...shownLogs, ...(await lateEvents(options, blocks, shownLogs))].sort(inOrder)
  const hashes = new Map([at, ...blocks].map(({ number, hash }) => [number, hash]))
  if (!isOneChain(hashes, blocks, logs)) throw changedWhileReading()
  const counted = await audit.review({ from: at.number, to, hashes }, logs, by)
  await database.transaction(async queries => {
    await advanceCursor(
      queries,
      at,
      blocks.map(({ number, hash }) => ({ number, hash })),
      keep,
    )
    await apply(queries, counted)
  })
  return { number: to, hash: blocks.at(-1)!.hash }
}

/**
 * A node may show a block before it shows the block's events, and whoever takes that for an answer never sees a request
 * that it is slashed for. Blocks that may hold some by their header, and of which none came, are asked for by their hash.
 */
async function lateEvents(
  { nodes, addresses }: Pass,
  blocks: HeadBlock[],
  logs: ChainLog[],
): Promise<ChainLog[]> {
  const seen = new Set(logs.map(({ blockHash }) => blockHash))
  const suspect = blocks.filter(
    ({ hash, logsBloom }) => !seen.has(hash) && addresses.some(address => mayHoldEvents(logsBloom, address)),
  )
  if (suspect.length === 0) return []
  await sleep(LATE_MS)
  const found = suspect.map(({ hash }) => nodes.client.getLogs({ address: addresses, blockHash: hash }))
  return (await read(() => Promise.all(found))).flat()
}

function isOneChain(hashes: ReadonlyMap<bigint, Hex>, blocks: HeadBlock[], logs: ChainLog[]): boolean {
  const linked = blocks.every(
    block => (hashes.get(block.number - 1n) ?? block.parentHash) === block.parentHash,
  )
  return linked && logs.every(log => (hashes.get(log.blockNumber) ?? log.blockHash) === log.blockHash)
}

function changedWhileReading(): RetryableError {
  return new RetryableError('CHAIN_UNAVAILABLE', 'The chain was reorganised while it was read.', {
    fix: 'Nothing to do: it is read again.',
  })
}
