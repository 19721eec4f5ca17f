import { type Deployment, sdkError, type Wallet } from '@nacre/sdk'
import {
  BaseError,
  type Chain,
  createPublicClient,
  createWalletClient,
  defineChain,
  HttpRequestError,
  http,
  type LocalAccount,
  type PublicClient,
} from 'viem'

/** The contracts that an operator deals with, and of which chain they are. */
export type Contracts = Pick<
  Deployment,
  'chainId' | 'genesisHash' | 'enclaveRegistry' | 'operators' | 'relay'
> & {
  /** Nothing of the network is older. */
  block: bigint
}

const DEVELOPMENT_CHAIN = 31_337

/** Polls for receipts: a development chain mines at once. */
const pollingInterval = (chainId: number): number => (chainId === DEVELOPMENT_CHAIN ? 20 : 2_000)

/** A reader of any chain. */
export function readerOf(chainId: number, rpcUrl: string): PublicClient {
  const transport = http(rpcUrl, { timeout: 10_000 })
  return createPublicClient({
    chain: chainOf(chainId, rpcUrl),
    transport,
    pollingInterval: pollingInterval(chainId),
    cacheTime: 0,
  }) as PublicClient
}

/** A signer on the reader's chain. */
export function signerOf(client: PublicClient, account: LocalAccount): Wallet {
  const chain = client.chain as Chain
  const transport = http(chain.rpcUrls.default.http[0], { timeout: 10_000 })
  return createWalletClient({ chain, transport, account, pollingInterval: client.pollingInterval })
}

/** Throws wrong-chain when the node is of another chain than the contracts. */
export async function checkChain(client: PublicClient, contracts: Contracts): Promise<void> {
  const [chainId, { hash }] = await Promise.all([client.getChainId(), client.getBlock({ blockNumber: 0n })])
  if (chainId === contracts.chainId && hash === contracts.genesisHash) return
  throw sdkError(
    'wrong-chain',
    `The contracts are of chain ${contracts.chainId} with genesis ${contracts.genesisHash}; the node is of chain ` +
      `${chainId} with genesis ${hash}.`,
  )
}

type Read<T> = (range: { fromBlock: bigint; toBlock: bigint }) => Promise<T[]>

/** Nodes bound how many blocks or events one call may read, each in its own way: halves, until it is taken. */
export async function readEvents<T>(read: Read<T>, fromBlock: bigint, toBlock: bigint): Promise<T[]> {
  if (fromBlock > toBlock) return []
  try {
    return await read({ fromBlock, toBlock })
  } catch (error) {
    if (toBlock - fromBlock < SMALLEST_RANGE || isUnreachable(error)) throw error
    const middle = (fromBlock + toBlock) / 2n
    return [...(await readEvents(read, fromBlock, middle)), ...(await readEvents(read, middle + 1n, toBlock))]
  }
}

/** No answer at all: fewer blocks would not help. */
function isUnreachable(error: unknown): boolean {
  const failed = error instanceof BaseError && error.walk(cause => cause instanceof HttpRequestError)
  return failed instanceof HttpRequestError && failed.status === undefined
}

/** No node refuses so few. */
const SMALLEST_RANGE = 500n

/** Not from viem/chains: loading all of them takes half a second, and the contracts' chain may be none of them. */
function chainOf(id: number, rpcUrl: string): Chain {
  return defineChain({
    id,
    name: `chain ${id}`,
    nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 },
    rpcUrls: { default: { http: [rpcUrl] } },
  })
}
