import type { Hex } from 'viem'
import { FatalError } from '../common/errors.ts'
import type { Queries } from '../database/connect.ts'
import { and, desc, eq, gt, lte } from '../database/drizzle.ts'
import { blocksTable, cursorTable } from './tables.ts'

/** A block by number and hash. */
export type BlockId = { number: bigint; hash: Hex }

/** What a store belongs to; another chain or deployment under the same store is refused. */
export type Origin = { chainId: number; genesisHash: Hex; relay: Hex; fromBlock: bigint }

/** The last block whose events are stored; undefined in a new store. Throws GENESIS_MISMATCH, DEPLOYMENT_MISMATCH. */
export async function readCursor(queries: Queries, origin: Origin): Promise<BlockId | undefined> {
  const [row] = await queries.select().from(cursorTable)
  if (!row) return undefined
  if (row.chainId !== origin.chainId || row.genesisHash !== origin.genesisHash)
    throw genesisMismatch(row, origin)
  if (row.relay !== origin.relay) {
    throw new FatalError(
      'DEPLOYMENT_MISMATCH',
      `The store is of relay ${row.relay}, not of ${origin.relay}.`,
      {
        fix: 'Use the deployment that the store was made for, or another schema or state folder.',
      },
    )
  }
  return { number: row.number, hash: row.hash }
}

/** Starts a new store after this block. */
export async function createCursor(queries: Queries, origin: Origin, at: BlockId): Promise<void> {
  const { chainId, genesisHash, relay } = origin
  await queries.insert(cursorTable).values({ chainId, genesisHash, relay, ...at })
}

/** Moves on from `from`; throws STATE_IN_USE when somebody else moved it. Keeps the last `keep` blocks. */
export async function advanceCursor(
  queries: Queries,
  from: BlockId,
  blocks: BlockId[],
  keep: number,
): Promise<void> {
  const last = blocks.at(-1)!
  await moveCursor(queries, from, last)
  await queries.insert(blocksTable).values(blocks)
  await queries.delete(blocksTable).where(lte(blocksTable.number, last.number - BigInt(keep)))
}

/** Goes back to `to`, the newest block that the store and the chain share. */
export async function rewindCursor(queries: Queries, from: BlockId, to: BlockId): Promise<void> {
  await moveCursor(queries, from, to)
  await queries.delete(blocksTable).where(gt(blocksTable.number, to.number))
}

/**
 * Whether a block is in the chain as far as it was read; it stays so until the transaction ends. Blocks older than those
 * kept count as read: the chain does not drop them any more.
 */
export async function isRead(queries: Queries, { number, hash }: BlockId): Promise<boolean> {
  const [at] = await queries.select().from(cursorTable).for('share')
  const kept = await keptBlocks(queries)
  const same = kept.find(block => block.number === number)
  if (same) return same.hash === hash
  return at !== undefined && number <= at.number && kept.every(block => number < block.number)
}

/** The kept blocks, newest first. */
export async function keptBlocks(queries: Queries): Promise<BlockId[]> {
  return queries.select().from(blocksTable).orderBy(desc(blocksTable.number))
}

async function moveCursor(queries: Queries, from: BlockId, to: BlockId): Promise<void> {
  const here = and(eq(cursorTable.number, from.number), eq(cursorTable.hash, from.hash))
  const moved = await queries.update(cursorTable).set(to).where(here)
  if (moved.rowCount === 1) return
  throw new FatalError('STATE_IN_USE', 'Another process moves the cursor of this schema.', {
    fix: 'Give every operator its own schema, and run one process for each.',
  })
}

/** The error for a chain that is not the one expected. */
export function genesisMismatch(
  expected: { chainId: number; genesisHash: Hex },
  actual: { chainId: number; genesisHash: Hex },
): FatalError {
  const name = ({ chainId, genesisHash }: typeof expected) => `chain ${chainId} with genesis ${genesisHash}`
  return new FatalError('GENESIS_MISMATCH', `Expected ${name(expected)}, found ${name(actual)}.`, {
    fix: 'Point rpcUrl at the right chain; a development chain that was reset needs a new state (nacre dev --reset).',
  })
}
