import { type Block, BlockNotFoundError, type Hex, type Log, type PublicClient } from 'viem'
import { FatalError, RetryableError } from '../common/errors.ts'
import { retry } from '../common/wait.ts'
import { type Database, databaseError, type Queries } from '../database/connect.ts'
import { read } from './client.ts'
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

export type Head = { number: bigint; hash: Hex; timestamp: bigint; baseFee: bigint }

export type WatcherOptions = {
  client: PublicClient
  wsUrl?: string
  database: Database
  origin: Origin
  /** Contracts whose events are read. */
  addresses: Hex[]
  /** Stores events in the transaction that moves the cursor. */
  apply: (queries: Queries, logs: Log<bigint, number, false>[]) => Promise<void>
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

/** Follows the chain: announcements and polling both feed `sync`, which alone moves the cursor. */
export function createWatcher(options: WatcherOptions): Watcher {
  let current: Promise<void> | undefined
  let next: Promise<void> | undefined

  function sync(): Promise<void> {
    if (!current) {
      current = syncOnce(options)
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
  const pass = () =>
    retry(sync, { signal, ...(onRetry ? { onRetry } : {}) }).catch(error => {
      if (!signal.aborted) stopped.reject(error)
    })
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

async function syncOnce(options: WatcherOptions): Promise<void> {
  const { client, database, origin, range = 500, onSynced } = options
  const head = await read(() => client.getBlock())
  const stored = (await readCursor(database.queries, origin)) ?? (await start(options))
  let at = await shareAncestor(options, stored, head)
  while (at.number < head.number) {
    const to = at.number + BigInt(range)
    at = await advance(options, at, to < head.number ? to : head.number, head)
  }
  onSynced?.({
    number: head.number,
    hash: head.hash,
    timestamp: head.timestamp,
    baseFee: head.baseFeePerGas ?? 0n,
  })
}

async function start({ database, origin, client }: WatcherOptions): Promise<BlockId> {
  const at = await firstBlock(client, origin)
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
async function shareAncestor(
  options: WatcherOptions,
  stored: BlockId,
  head: Block<bigint, boolean, 'latest'>,
): Promise<BlockId> {
  const { client, database } = options
  if (head.hash === stored.hash || head.parentHash === stored.hash) return stored
  if ((await hashAt(client, stored.number)) === stored.hash) return stored
  const ancestor = (await newestShared(options)) ?? (await firstBlock(client, options.origin))
  await database.transaction(async queries => {
    await rewindCursor(queries, stored, ancestor)
    await options.rewind(queries, ancestor.number)
  })
  return ancestor
}

async function newestShared({ client, database }: WatcherOptions): Promise<BlockId | undefined> {
  for (const block of await keptBlocks(database.queries)) {
    if ((await hashAt(client, block.number)) === block.hash) return block
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
async function advance(
  options: WatcherOptions,
  at: BlockId,
  to: bigint,
  head: Block<bigint, boolean, 'latest'>,
): Promise<BlockId> {
  const { client, database, addresses, apply, keep = 128 } = options
  const lowest = head.number - BigInt(keep)
  const first = at.number < lowest ? (lowest < to ? lowest + 1n : to) : at.number + 1n
  const numbers = Array.from({ length: Number(to - first) + 1 }, (_, index) => first + BigInt(index))
  const headers = numbers.map(number =>
    number === head.number ? head : client.getBlock({ blockNumber: number }),
  )
  const [blocks, logs] = await read(() =>
    Promise.all([
      Promise.all(headers),
      client.getLogs({ address: addresses, fromBlock: at.number + 1n, toBlock: to }),
    ]),
  )
  if (!isOneChain(at, blocks, logs)) throw changedWhileReading()
  await database.transaction(async queries => {
    await advanceCursor(
      queries,
      at,
      blocks.map(({ number, hash }) => ({ number, hash })),
      keep,
    )
    await apply(queries, logs)
  })
  return { number: to, hash: blocks.at(-1)!.hash }
}

function isOneChain(
  at: BlockId,
  blocks: Block<bigint, boolean, 'latest'>[],
  logs: Log<bigint, number, false>[],
): boolean {
  const hashes = new Map(
    blocks.map(block => [block.number, block.hash]).concat([[at.number, at.hash]]) as [bigint, Hex][],
  )
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
