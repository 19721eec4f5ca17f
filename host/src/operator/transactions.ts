import type { Hex, PublicClient } from 'viem'
import { read, type State } from '../chain/client.ts'
import { callContract, RevertError } from '../chain/reverts.ts'
import { createQueue } from '../common/queue.ts'
import type { Queries } from '../database/connect.ts'
import { and, eq } from '../database/drizzle.ts'
import {
  broadcast,
  isStuck,
  lastOf,
  push,
  type Settled,
  sign,
  type TransactionsOptions,
} from './broadcast.ts'
import { createMarket, type Fees, marketFees, raisedFees } from './fees.ts'
import { explain, findMined } from './mined.ts'
import { attemptsOf, freeNonce, gaps, pendingRows } from './nonces.ts'
import { attemptsTable, type TransactionRow, transactionsTable } from './tables.ts'

export type Intent = {
  /** What for: `fulfil:<request id>`, `register:<key>`, … */
  purpose: string
  target: Hex
  data: Hex
}

export type EstimateOptions = { asOf?: State; priced?: boolean; obliged?: boolean }

type Within = (queries: Queries, nonce: bigint) => Promise<void>

export type Transactions = {
  /**
   * Gas needed, with a reserve. Throws RevertError when the contract would refuse it, as of the next block and with what
   * waits to be in it, or as of the newest one. `priced`: with that block's fees, for a contract that looks at the base
   * fee, which is zero in other calls. `obliged`: one node that says that it would be taken is enough.
   */
  estimate(intent: Intent, options?: EstimateOptions): Promise<bigint>
  /**
   * Stores nonce and signed transaction, together with what `within` stores, then broadcasts. Returns the nonce.
   * A failed broadcast is not an error: the transaction is stored, and `check` broadcasts it again.
   */
  send(intent: Intent, gas: bigint, within?: Within): Promise<bigint>
  /**
   * Uses a pending nonce for something else, with higher fees: one of its forms is mined, and the chain says which.
   * False, and nothing is stored, when the nonce is not pending any more.
   */
  replace(nonce: bigint, intent: Intent, gas: bigint, within?: Within): Promise<boolean>
  /** After every block: notes what was mined, broadcasts again what is not, replaces what is stuck, fills gaps. */
  check(): Promise<void>
  /** The row once mined. Only for nonces sent by this process. */
  mined(nonce: bigint): Promise<TransactionRow>
  /** What is known of a nonce. */
  find(nonce: bigint): Promise<TransactionRow | undefined>
  /** How many that this process sent are not mined, as far as it knows. */
  waiting(): number
  /** What waits to be mined, lowest nonce first: what earlier processes sent, and what is being sent, too. */
  pending(): Promise<TransactionRow[]>
  /** Whether something with this purpose was sent and is not mined. */
  isPending(purpose: string): Promise<boolean>
  /** Name of the error that reverted it, by replaying it. */
  explain(row: TransactionRow): Promise<string>
}

const GWEI = 10n ** 9n
const DEFAULT_CEILING: Fees = { maxFee: 1_000n * GWEI, priorityFee: 50n * GWEI }
const TRANSFER_GAS = 21_000n
const MAX_FILLED = 16
/** A node that has it needs no reminder after every block. */
const TELL_AGAIN_MS = 2_000

/** Transactions of one account: no nonce is used twice for two purposes, none is forgotten, whatever kills us when. */
export function createTransactions(settings: TransactionsOptions): Transactions {
  const options = { replaceAfterMs: 30_000, ceiling: DEFAULT_CEILING, ...settings }
  const { nodes, account, database, ceiling } = options
  const { client } = nodes
  const market = createMarket(client, ceiling)
  const waiting = new Map<bigint, PromiseWithResolvers<TransactionRow>>()
  /** When this process last told the node of a nonce, by a clock that nobody sets. */
  const toldAt = new Map<bigint, number>()
  const inOrder = createQueue()
  const oneCheck = createQueue()
  /** The check that has not begun. */
  let nextCheck: Promise<void> | undefined

  async function find(nonce: bigint): Promise<TransactionRow | undefined> {
    const same = eq(transactionsTable.nonce, nonce)
    return (await database.queries.select().from(transactionsTable).where(same))[0]
  }

  async function settle(row: TransactionRow): Promise<void> {
    await database.queries.update(transactionsTable).set(row).where(eq(transactionsTable.nonce, row.nonce))
    waiting.get(row.nonce)?.resolve(row)
    waiting.delete(row.nonce)
    toldAt.delete(row.nonce)
    options.onMined?.(row)
  }

  async function tell(nonce: bigint, raw: Hex): Promise<void> {
    toldAt.set(nonce, performance.now())
    await broadcast(options, raw)
  }

  const send: Transactions['send'] = (intent, gas, within) =>
    inOrder(async () => {
      const [used, fees] = await Promise.all([nonceOf(options), market()])
      const nonce = await freeNonce(database.queries, used)
      const row = { ...intent, nonce, gas, state: 'pending' as const }
      const attempt = await sign(options, row, fees)
      await database.transaction(async queries => {
        await queries.insert(transactionsTable).values(row)
        await queries.insert(attemptsTable).values(attempt)
        await within?.(queries, nonce)
      })
      waiting.set(nonce, waiting.get(nonce) ?? Promise.withResolvers())
      await tell(nonce, attempt.raw)
      return nonce
    })

  async function replace(nonce: bigint, intent: Intent, gas: bigint, within?: Within): Promise<boolean> {
    const row = await find(nonce)
    // A process that was killed may not have noted that it was mined.
    if (row?.state !== 'pending' || nonce < (await nonceOf(options))) return false
    const fees = await raisedFees(client, ceiling, lastOf(row, await attemptsOf(database.queries, [row])))
    const attempt = await sign(options, { ...row, ...intent, gas }, fees)
    await database.transaction(async queries => {
      await queries
        .update(transactionsTable)
        .set({ ...intent, gas })
        .where(eq(transactionsTable.nonce, nonce))
      await queries.insert(attemptsTable).values(attempt).onConflictDoNothing()
      await within?.(queries, nonce)
    })
    await tell(nonce, attempt.raw)
    return true
  }

  async function check(): Promise<void> {
    const used = await nonceOf(options)
    const pending = await pendingRows(database.queries, used)
    if (pending.length === 0) return
    const attempts = await attemptsOf(database.queries, pending)
    for (const row of pending) {
      const own = attempts.filter(({ nonce }) => nonce === row.nonce)
      if (row.nonce < used) await settle(await findMined(nodes, row, own))
      else if (row.nonce === used && isStuck(options, lastOf(row, own))) await push(options, row, own)
      else if (performance.now() - (toldAt.get(row.nonce) ?? -TELL_AGAIN_MS) >= TELL_AGAIN_MS)
        await tell(row.nonce, lastOf(row, own).raw)
    }
    const next = pending.find(({ nonce }) => nonce >= used)
    const stuck =
      next &&
      isStuck(
        options,
        lastOf(
          next,
          attempts.filter(({ nonce }) => nonce === next.nonce),
        ),
      )
    if (stuck)
      await fill(
        gaps(
          used,
          pending.filter(({ nonce }) => nonce >= used),
        ),
      )
  }

  /** Those that are asked for before one begins are one: with a slow node they would pile up, and replacements wait behind. */
  function checkSoon(): Promise<void> {
    nextCheck ??= oneCheck(() => {
      nextCheck = undefined
      return check()
    })
    return nextCheck
  }

  /** A chain that was set back misses transactions that other programs sent from this account. */
  async function fill(missing: bigint[]): Promise<void> {
    for (const nonce of missing.slice(0, MAX_FILLED))
      await send({ purpose: `fill:${nonce}`, target: account.address, data: '0x' }, TRANSFER_GAS)
  }

  return {
    estimate: (intent, settings) => estimate(options, intent, settings),
    send,
    replace: (nonce, intent, gas, within) => oneCheck(() => replace(nonce, intent, gas, within)),
    check: checkSoon,
    find,
    waiting: () => toldAt.size,
    pending: () =>
      inOrder(async () => {
        const pending = eq(transactionsTable.state, 'pending')
        return database.queries
          .select()
          .from(transactionsTable)
          .where(pending)
          .orderBy(transactionsTable.nonce)
      }),
    isPending: async purpose => {
      const same = and(eq(transactionsTable.purpose, purpose), eq(transactionsTable.state, 'pending'))
      return (await database.queries.select().from(transactionsTable).where(same)).length > 0
    },
    mined: async nonce => {
      // Waits before it looks: a check that settles the row in between would otherwise wake nobody, for ever.
      const waiter = waiting.get(nonce) ?? Promise.withResolvers<TransactionRow>()
      waiting.set(nonce, waiter)
      const row = await find(nonce)
      if (row?.state !== 'mined') return waiter.promise
      waiting.delete(nonce)
      return row
    },
    explain: async row => {
      const attempts = await attemptsOf(database.queries, [row])
      return explain(client, account.address, row, attempts.find(({ hash }) => hash === row.hash)?.raw)
    },
  }
}

/** A nonce is used when both nodes say so: until then what has it is sent again. */
async function nonceOf({ nodes, account: { address } }: TransactionsOptions): Promise<bigint> {
  const count = (client: PublicClient) => client.getTransactionCount({ address, blockTag: 'latest' })
  const [leading, other = leading] = await read(() => nodes.answers(count))
  return BigInt(Math.min(leading, other))
}

async function estimate(
  { nodes, account, ceiling }: Settled,
  { purpose, target: to, data }: Intent,
  { asOf: blockTag = 'pending', priced = false, obliged = false }: EstimateOptions = {},
): Promise<bigint> {
  const fees = priced ? await marketFees(nodes.client, ceiling) : undefined
  const price = fees && { maxFeePerGas: fees.maxFee, maxPriorityFeePerGas: fees.priorityFee }
  const call = { account: account.address, to, data, blockTag, ...price } as const
  const ask = (client: PublicClient) => callContract(() => client.estimateGas(call)).catch(refusal)
  const answer = await nodes.strictest<bigint | RevertError>({
    kind: 'estimate',
    of: purpose,
    ask,
    weight: said => (said instanceof RevertError ? 0 : 1),
    enough: obliged ? 1 : 0,
    show: said => (said instanceof RevertError ? said.reason : said),
  })
  if (answer instanceof RevertError) throw answer
  return (answer * 5n) / 4n
}

function refusal(error: unknown): RevertError {
  if (error instanceof RevertError) return error
  throw error
}
