import type { Wallet } from '@nacre/sdk'
import {
  createPublicClient,
  createWalletClient,
  defineChain,
  http,
  type LocalAccount,
  type PublicClient,
} from 'viem'

/** Not from viem/chains: loading all of them takes half a second. */
const anvil = defineChain({
  id: 31337,
  name: 'Anvil',
  nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
  rpcUrls: { default: { http: ['http://127.0.0.1:8545'] } },
})

/** A reader of the development chain. */
export function chainClient(rpcUrl: string): PublicClient {
  const transport = http(rpcUrl, { timeout: 10_000 })
  return createPublicClient({ chain: anvil, transport, pollingInterval: 10, cacheTime: 0 }) as PublicClient
}

/** A signer on the development chain. */
export function chainWallet(rpcUrl: string, account: LocalAccount): Wallet {
  return createWalletClient({ chain: anvil, transport: http(rpcUrl), account, pollingInterval: 10 })
}
