import type { Hex } from '@nacre/verify'
import type { Common } from '../common/index.ts'
import { databaseError } from '../database/connect.ts'
import { cancellation } from './fulfil.ts'
import type { TransactionRow } from './tables.ts'
import type { Transactions } from './transactions.ts'

/** First words of the purposes whose second is an enclave's key. */
const OF_A_KEY = new Set(['certificate', 'register', 'claim'])

export type WithdrawalOptions = {
  common: Pick<Common<unknown>, 'logger'>
  transactions: Pick<Transactions, 'pending' | 'replace'>
  enclaveConfig: { operator: Hex }
}

/**
 * What waits to be mined for the keys of enclaves that have ended does nothing instead: a registration costs its gas, and
 * with its enclave the key is gone for ever. What was mined meanwhile stays. Throws CHAIN_UNAVAILABLE,
 * DATABASE_UNAVAILABLE.
 */
export async function withdrawDead(
  options: WithdrawalOptions,
  isAlive: (receiptKey: string) => boolean,
): Promise<void> {
  try {
    for (const row of await options.transactions.pending()) {
      const [kind = '', receiptKey = ''] = row.purpose.split(':')
      if (OF_A_KEY.has(kind) && !isAlive(receiptKey)) await withdraw(options, row)
    }
  } catch (error) {
    throw databaseError(error)
  }
}

async function withdraw(
  { common, transactions, enclaveConfig }: WithdrawalOptions,
  { nonce, purpose }: TransactionRow,
): Promise<void> {
  const { intent, gas } = cancellation(enclaveConfig.operator, purpose)
  if (await transactions.replace(nonce, intent, gas))
    common.logger.info({ nonce: Number(nonce), purpose }, 'withdrawn, its enclave has ended')
}
