import type { Hex, PublicClient } from 'viem'
import type { Common } from '../common/index.ts'
import type { Enclaves } from './enclaves.ts'
import { keyState } from './register.ts'
import type { Transactions } from './transactions.ts'

export type KeyWatch = {
  /** The chain may not know the serving key: a reorganisation, or it refused an answer. */
  doubt(): void
  inDoubt(): boolean
  /** Settles a doubt: has the enclave replaced when its key is gone for good. Call it when transactions were checked. */
  confirm(): Promise<void>
}

export type KeyWatchOptions = {
  common: Pick<Common<unknown>, 'logger'>
  client: PublicClient
  transactions: Transactions
  enclaves: Pick<Enclaves, 'current' | 'renew'>
  registry: Hex
}

/**
 * Sees that the chain still takes the serving enclave's key. A reorganisation can drop the registration together with
 * the block that its evidence names, and then no repeat of it is accepted: only another enclave mends that.
 */
export function createKeyWatch({
  common,
  client,
  transactions,
  enclaves,
  registry,
}: KeyWatchOptions): KeyWatch {
  let doubted = false
  return {
    doubt: () => {
      doubted = true
    },
    inDoubt: () => doubted,
    async confirm() {
      const serving = enclaves.current()
      if (!doubted || !serving) return
      const { receiptKey } = serving.identity
      const state = await keyState(client, registry, serving)
      if (state === 'unknown' && (await transactions.isPending(`register:${receiptKey}`))) return
      doubted = false
      if (state === 'registered') return
      common.logger.warn(
        { key: receiptKey, state },
        'the chain does not take the key, launching another enclave',
      )
      enclaves.renew()
    },
  }
}
