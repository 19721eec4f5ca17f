import { and, desc, eq, gte, inArray, max } from 'drizzle-orm'
import {
  type Hex,
  keccak256,
  type PrivateKeyAccount,
  type PublicClient,
  type TransactionReceipt,
  TransactionReceiptNotFoundError,
} from 'viem'
import { read } from '../chain/client.ts'
import { callContract, decodeRevert } from '../chain/reverts.ts'
import { FatalError } from '../common/errors.ts'
import type { Database, Queries } from '../database/connect.ts'
import { type AttemptRow, attemptsTable, type TransactionRow, transactionsTable } from './tables.ts'

export type TransactionsOptions = {
  client: PublicClient
  account: PrivateKeyAccount
  chainId: number
  database: Database
  /** A transaction that is not mined after this time is sent again with higher fees. */
  replaceAfterMs?: number
  onMined?: (row: TransactionRow) => void
  /** A node refused a broadcast for another reason than that it knows the transaction. */
  onRefused?: (error: unknown) => void
}

export type Intent = {
  /** What for: `fulfil:<request id>`, `register:<key>`, … */
  purpose: string
  target: Hex
  data: Hex
}

export type Transactions = {
  /** Gas needed, with a reserve. Throws RevertError when the contract would refuse it in the next block. */
  estimate(intent: Intent): Promise<bigint>
  /**
   * Stores nonce and signed transaction, together with what `within` stores, then broadcasts. Returns the nonce.
   * A failed broadcast is not an error: the transaction is stored, and `check` broadcasts it again.
   */
  send(
    intent: Intent,
    gas: bigint,
    within?: (queries: Queries, nonce: bigint) => Promise<void>,
  ): Promise<bigint>
  /** After every block: notes what was mined, broadcasts again what is not, replaces what is stuck. */
  check(): Promise<void>
  /** The row once mined. Only for nonces sent by this process. */
  mined(nonce: bigint): Promise<TransactionRow>
  /** What is known of a nonce. */
  find(nonce: bigint): Promise<TransactionRow | undefined>
  /** Name of the error that reverted it, by replaying it. */
  explain(row: TransactionRow): Promise<string>
}

/** Lowest rise of both fees that nodes accept for a replacement is 10 %. */
const BUMP_PERCENT = 125n
const MIN_PRIORITY_FEE = 1_000_000n
const UNMINED = {
  state: 'pending' as const,
  hash: null,
  blockNumber: null,
  status: null,
  gasUsed: null,
  gasPrice: null,
}

/** Transactions of one account: no nonce is used twice for two purposes, none is forgotten, whatever kills us when. */
export function createTransactions(options: TransactionsOptions): Transactions {
  const { client, account, database, replaceAfterMs = 30_000 } = options
  const waiting = new Map<bigint, PromiseWithResolvers<TransactionRow>>()
  const inOrder = createQueue()
  const oneCheck = createQueue()

  async function find(nonce: bigint): Promise<TransactionRow | undefined> {
    const [row] = await database.queries
      .select()
      .from(transactionsTable)
      .where(eq(transactionsTable.nonce, nonce))
    return row
  }

  async function settle(row: TransactionRow): Promise<void> {
    await database.queries.update(transactionsTable).set(row).where(eq(transactionsTable.nonce, row.nonce))
    waiting.get(row.nonce)?.resolve(row)
    waiting.delete(row.nonce)
    options.onMined?.(row)
  }

  async function check(): Promise<void> {
    const used = await nonceOf(options)
    const freed = and(eq(transactionsTable.state, 'mined'), gte(transactionsTable.nonce, used))
    await database.queries.update(transactionsTable).set(UNMINED).where(freed)
    const pending = await database.queries
      .select()
      .from(transactionsTable)
      .where(eq(transactionsTable.state, 'pending'))
      .orderBy(transactionsTable.nonce)
    if (pending.length === 0) return
    const attempts = await attemptsOf(database.queries, pending)
    for (const row of pending) {
      const own = attempts.filter(({ nonce }) => nonce === row.nonce)
      if (row.nonce < used) await settle(await findMined(client, row, own))
      else await push(options, row, own, replaceAfterMs)
    }
  }

  return {
    estimate: async ({ target, data }) => {
      const gas = await callContract(() =>
        client.estimateGas({ account: account.address, to: target, data, blockTag: 'pending' }),
      )
      return (gas * 5n) / 4n
    },
    send: (intent, gas, within) =>
      inOrder(async () => {
        const [nonce, fees] = await Promise.all([nextNonce(options), marketFees(client)])
        const row = { ...intent, nonce, gas, state: 'pending' as const }
        const attempt = await sign(options, row, fees)
        await database.transaction(async queries => {
          await queries.insert(transactionsTable).values(row)
          await queries.insert(attemptsTable).values(attempt)
          await within?.(queries, nonce)
        })
        waiting.set(nonce, Promise.withResolvers())
        await broadcast(options, attempt.raw)
        return nonce
      }),
    check: () => oneCheck(check),
    find,
    mined: async nonce => {
      const row = await find(nonce)
      if (row?.state === 'mined') return row
      const waiter = waiting.get(nonce) ?? Promise.withResolvers<TransactionRow>()
      waiting.set(nonce, waiter)
      return waiter.promise
    },
    explain: row => explain(client, account.address, row),
  }
}

/** In the transaction that moves the cursor back: what dropped blocks had mined is pending again. */
export async function rewindTransactions(queries: Queries, ancestor: bigint): Promise<void> {
  const rows = await queries.select().from(transactionsTable).where(eq(transactionsTable.state, 'mined'))
  const dropped = rows
    .filter(row => row.blockNumber !== null && row.blockNumber > ancestor)
    .map(row => row.nonce)
  if (dropped.length === 0) return
  await queries.update(transactionsTable).set(UNMINED).where(inArray(transactionsTable.nonce, dropped))
}

async function nonceOf({ client, account }: TransactionsOptions): Promise<bigint> {
  return BigInt(
    await read(() => client.getTransactionCount({ address: account.address, blockTag: 'latest' })),
  )
}

async function nextNonce(options: TransactionsOptions): Promise<bigint> {
  const table = options.database.queries
    .select({ nonce: max(transactionsTable.nonce) })
    .from(transactionsTable)
  const [[stored], used] = await Promise.all([table, nonceOf(options)])
  const next = stored?.nonce == null ? 0n : BigInt(stored.nonce) + 1n
  return larger(next, used)
}

type Fees = { maxFee: bigint; priorityFee: bigint }

/** Room for the base fee to double. */
async function marketFees(client: PublicClient): Promise<Fees> {
  const suggested = client.estimateMaxPriorityFeePerGas().catch(() => MIN_PRIORITY_FEE)
  const [block, tip] = await Promise.all([read(() => client.getBlock()), suggested])
  const priorityFee = larger(tip, MIN_PRIORITY_FEE)
  return { maxFee: (block.baseFeePerGas ?? 0n) * 2n + priorityFee, priorityFee }
}

async function sign(
  { account, chainId }: TransactionsOptions,
  row: Pick<TransactionRow, 'nonce' | 'target' | 'data' | 'gas'>,
  { maxFee, priorityFee }: Fees,
): Promise<Omit<AttemptRow, 'createdAt'>> {
  const raw = await account.signTransaction({
    type: 'eip1559',
    chainId,
    nonce: Number(row.nonce),
    to: row.target,
    data: row.data,
    gas: row.gas,
    maxFeePerGas: maxFee,
    maxPriorityFeePerGas: priorityFee,
  })
  return { hash: keccak256(raw), nonce: row.nonce, raw, maxFee, priorityFee }
}

/** Not mined yet: broadcast again, or replaced when it has waited too long. */
async function push(
  options: TransactionsOptions,
  row: TransactionRow,
  attempts: AttemptRow[],
  replaceAfterMs: number,
): Promise<void> {
  const last = attempts.at(-1)
  if (!last) throw new FatalError('INTERNAL', `Nonce ${row.nonce} has no signed transaction.`)
  if (Date.now() - last.createdAt.getTime() < replaceAfterMs) return broadcast(options, last.raw)
  const market = await marketFees(options.client)
  const next = await sign(options, row, {
    maxFee: larger(market.maxFee, (last.maxFee * BUMP_PERCENT) / 100n + 1n),
    priorityFee: larger(market.priorityFee, (last.priorityFee * BUMP_PERCENT) / 100n + 1n),
  })
  await options.database.queries.insert(attemptsTable).values(next)
  await broadcast(options, next.raw)
}

/** Never fails: the node may know the transaction already, or be away; `check` sees the truth and sends it again. */
async function broadcast({ client, onRefused }: TransactionsOptions, raw: Hex): Promise<void> {
  await client.sendRawTransaction({ serializedTransaction: raw }).catch((error: Error) => {
    if (!/already (known|imported)|nonce too low/i.test(error.message)) onRefused?.(error)
  })
}

async function attemptsOf(queries: Queries, rows: TransactionRow[]): Promise<AttemptRow[]> {
  const nonces = rows.map(({ nonce }) => nonce)
  const found = await queries
    .select()
    .from(attemptsTable)
    .where(inArray(attemptsTable.nonce, nonces))
    .orderBy(desc(attemptsTable.maxFee))
  return found.reverse()
}

async function findMined(
  client: PublicClient,
  row: TransactionRow,
  attempts: AttemptRow[],
): Promise<TransactionRow> {
  for (const { hash } of attempts.toReversed()) {
    const receipt = await receiptOf(client, hash)
    if (!receipt) continue
    const { blockNumber, status, gasUsed, effectiveGasPrice: gasPrice } = receipt
    return { ...row, state: 'mined', hash, blockNumber, status, gasUsed, gasPrice }
  }
  return { ...row, state: 'mined', status: 'lost' }
}

async function receiptOf(client: PublicClient, hash: Hex): Promise<TransactionReceipt | undefined> {
  return read(async () => {
    try {
      return await client.getTransactionReceipt({ hash })
    } catch (error) {
      if (error instanceof TransactionReceiptNotFoundError) return undefined
      throw error
    }
  })
}

async function explain(client: PublicClient, account: Hex, row: TransactionRow): Promise<string> {
  if (row.status === 'lost') return 'replaced by a transaction of this account that another program sent'
  try {
    const blockNumber = row.blockNumber ?? (await client.getBlockNumber())
    await client.call({ account, to: row.target, data: row.data, gas: row.gas, blockNumber })
    return 'reverted, and does not when repeated'
  } catch (error) {
    return decodeRevert(error)?.reason ?? 'unknown'
  }
}

/** Runs works one after the other, in the order of the calls. */
function createQueue(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return work => {
    const result = last.then(work)
    last = result.catch(() => {})
    return result
  }
}

function larger(one: bigint, other: bigint): bigint {
  return one > other ? one : other
}
