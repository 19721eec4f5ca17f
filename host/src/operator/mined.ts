import type { Hex } from 'viem'
import {
  type PublicClient,
  parseTransaction,
  type TransactionReceipt,
  TransactionReceiptNotFoundError,
} from 'viem'
import { read } from '../chain/client.ts'
import type { Nodes } from '../chain/nodes.ts'
import { decodeRevert } from '../chain/reverts.ts'
import type { AttemptRow, TransactionRow } from './tables.ts'

/** The row of a used nonce: which of its signed forms was mined; `lost` when none of them was. */
export async function findMined(
  nodes: Nodes,
  row: TransactionRow,
  attempts: AttemptRow[],
): Promise<TransactionRow> {
  for (const { hash } of attempts.toReversed()) {
    const receipt = await receiptOf(nodes, hash)
    if (!receipt) continue
    const { blockNumber, status, gasUsed, effectiveGasPrice: gasPrice } = receipt
    return { ...row, state: 'mined', hash, blockNumber, status, gasUsed, gasPrice }
  }
  return { ...row, state: 'mined', status: 'lost' }
}

/** Name of the error that reverted a mined transaction, by replaying it; `raw` is the signed form that was mined. */
export async function explain(
  client: PublicClient,
  account: Hex,
  row: TransactionRow,
  raw: Hex | undefined,
): Promise<string> {
  if (row.status === 'lost' || !raw)
    return 'replaced by a transaction of this account that another program sent'
  const { to, data, gas } = parseTransaction(raw)
  try {
    const blockNumber = row.blockNumber ?? (await client.getBlockNumber())
    await client.call({ account, to, data, gas, blockNumber })
    return 'reverted, and does not when repeated'
  } catch (error) {
    return decodeRevert(error)?.reason ?? 'unknown'
  }
}

/** Of two nodes the one that has it, and before one that calls it a success one that calls it reverted. */
function receiptOf(nodes: Nodes, hash: Hex): Promise<TransactionReceipt | undefined> {
  return read(() =>
    nodes.strictest<TransactionReceipt | undefined>({
      kind: 'receipt',
      of: hash,
      ask: client => client.getTransactionReceipt({ hash }).catch(unlessMissing),
      weight: receipt => (receipt ? WEIGHT[receipt.status] : 0),
      enough: WEIGHT.reverted,
      show: receipt => receipt?.status,
    }),
  )
}

const WEIGHT = { success: 1, reverted: 2 }

function unlessMissing(error: unknown): undefined {
  if (!(error instanceof TransactionReceiptNotFoundError)) throw error
}
