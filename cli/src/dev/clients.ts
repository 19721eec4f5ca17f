import type { Wallet } from '@nacre/sdk'
import { createPublicClient, createWalletClient, http, type LocalAccount, type PublicClient } from 'viem'
import { anvil } from 'viem/chains'

/** A reader of the development chain. */
export function chainClient(rpcUrl: string): PublicClient {
  const transport = http(rpcUrl, { timeout: 10_000 })
  return createPublicClient({ chain: anvil, transport, pollingInterval: 10, cacheTime: 0 }) as PublicClient
}

/** A signer on the development chain. */
export function chainWallet(rpcUrl: string, account: LocalAccount): Wallet {
  return createWalletClient({ chain: anvil, transport: http(rpcUrl), account, pollingInterval: 10 })
}
