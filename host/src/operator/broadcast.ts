import { type Hex, keccak256, type PrivateKeyAccount, parseTransaction } from 'viem'
import type { Nodes } from '../chain/nodes.ts'
import { FatalError } from '../common/errors.ts'
import type { Database } from '../database/connect.ts'
import { type Fees, raisedFees } from './fees.ts'
import type { Attempt } from './nonces.ts'
import { type AttemptRow, attemptsTable, type TransactionRow } from './tables.ts'

export type TransactionsOptions = {
  nodes: Nodes
  account: PrivateKeyAccount
  chainId: number
  database: Database
  /** The most that is ever paid for a unit of gas, wei, whatever the node says. */
  ceiling?: Fees
  /** A transaction that is not mined after this time is sent again with higher fees. */
  replaceAfterMs?: number
  onMined?: (row: TransactionRow) => void
  /** A node refused a broadcast for another reason than that it knows the transaction. */
  onRefused?: (error: unknown) => void
}

/** Options with their defaults. */
export type Settled = TransactionsOptions & { ceiling: Fees; replaceAfterMs: number }

/** The signed form of a row with these fees. */
export async function sign(
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

/**
 * The signed form with the highest fees of what the nonce is for by now: an earlier purpose's, which was withdrawn, may
 * have higher ones where these cannot rise.
 */
export function lastOf(row: TransactionRow, attempts: Attempt[]): Attempt {
  const last = attempts.findLast(({ raw }) => signs(raw, row))
  if (last) return last
  throw new FatalError('INTERNAL', `Nonce ${row.nonce} has no signed transaction.`)
}

function signs(raw: Hex, { target, data }: TransactionRow): boolean {
  const { to, data: signed = '0x' } = parseTransaction(raw)
  return to?.toLowerCase() === target.toLowerCase() && signed === data.toLowerCase()
}

/** Whether it has waited so long that its fees are raised. */
export function isStuck({ replaceAfterMs }: Settled, last: Attempt): boolean {
  return last.ageMs >= replaceAfterMs
}

/** The next nonce, and it has waited too long: signed again with higher fees, below the ceiling. */
export async function push(options: Settled, row: TransactionRow, attempts: Attempt[]): Promise<void> {
  const last = lastOf(row, attempts)
  const fees = await raisedFees(options.nodes.client, options.ceiling, last)
  if (fees.maxFee <= last.maxFee || fees.priorityFee < last.priorityFee) return broadcast(options, last.raw)
  const next = await sign(options, row, fees)
  await options.database.queries.insert(attemptsTable).values(next)
  await broadcast(options, next.raw)
}

/** Never fails: the node may know the transaction already, or be away; `check` sees the truth and sends it again. */
export async function broadcast({ nodes, onRefused }: TransactionsOptions, raw: Hex): Promise<void> {
  await nodes.client.sendRawTransaction({ serializedTransaction: raw }).catch((error: Error) => {
    if (!/already (known|imported)|nonce too low/i.test(error.message)) onRefused?.(error)
  })
}
