import { explainRevert, type Wallet } from '@nacre/sdk'
import type { Hex } from '@nacre/verify'
import {
  type Abi,
  BaseError,
  InsufficientFundsError,
  type PublicClient,
  type TransactionReceipt,
  TransactionReceiptNotFoundError,
} from 'viem'
import { CliError } from '../errors.ts'

export type Call = { address: Hex; abi: Abi; functionName: string; args: readonly unknown[]; value?: bigint }
export type Sent = { transaction: Hex; block: number; gas: number }

const WAIT_MS = 180_000
/** Looks after which a nonce that is used, by a transaction that the node does not show, is somebody else's. */
const DOUBT = 5

/**
 * Waits until what the account has sent before is mined, so that a command that was stopped half way is not done twice.
 * @throws CliError not-mined, interrupted
 */
export async function waitForEarlier(
  client: PublicClient,
  address: Hex,
  signal?: AbortSignal,
): Promise<void> {
  const sent = await client.getTransactionCount({ address, blockTag: 'pending' })
  for (const end = Date.now() + WAIT_MS; Date.now() < end; await pause(client, signal)) {
    if ((await usedNonces(client, address)) >= sent) return
    if (signal?.aborted) throw interrupted(`earlier transactions of ${address} are not mined`)
  }
  throw notMined(`earlier transactions of ${address} are`)
}

/**
 * Sends a call that the contract takes, and waits until it is mined. Undefined when another program of the account, such
 * as its agent, used the nonce for a transaction of its own.
 * @throws NacreError relay-reverted with the contract's own error; CliError not-mined, no-funds, and interrupted by the
 * signal while it waits
 */
export async function send(
  client: PublicClient,
  wallet: Wallet,
  call: Call,
  signal?: AbortSignal,
): Promise<Sent | undefined> {
  const { address } = wallet.account
  const [gas, nonce] = await Promise.all([
    client.estimateContractGas({ ...call, account: wallet.account } as never).catch(explain),
    client.getTransactionCount({ address, blockTag: 'pending' }),
  ])
  const hash = await wallet.writeContract({ ...call, gas: reserved(gas), nonce } as never).catch(explain)
  const receipt = await minedOf(client, { address, hash, nonce }, signal)
  if (receipt === undefined) return undefined
  if (receipt.status === 'success')
    return { transaction: hash, block: Number(receipt.blockNumber), gas: Number(receipt.gasUsed) }
  throw new CliError('not-mined', {
    what: `${call.functionName} reverted in transaction ${hash}`,
    why: 'what the contract looks at changed after it was tried',
    fix: 'run the command again: it reads the chain first',
  })
}

/** In the next epoch the same call writes a checkpoint more than when it was estimated. */
function reserved(gas: bigint): bigint {
  return (gas * 5n) / 4n + 60_000n
}

/** By its hash and its nonce: viem's own wait looks only when there is a new block, and a quiet chain mines none. */
async function minedOf(
  client: PublicClient,
  { address, hash, nonce }: { address: Hex; hash: Hex; nonce: number },
  signal: AbortSignal | undefined,
): Promise<TransactionReceipt | undefined> {
  let doubt = 0
  for (const end = Date.now() + WAIT_MS; Date.now() < end; await pause(client, signal)) {
    const used = await usedNonces(client, address)
    const receipt = await client.getTransactionReceipt({ hash }).catch(error => {
      if (error instanceof TransactionReceiptNotFoundError) return undefined
      throw error
    })
    if (receipt) return receipt
    if (used > nonce && ++doubt >= DOUBT) return undefined
    if (signal?.aborted) throw interrupted(`transaction ${hash} was sent and is not mined yet`)
  }
  throw notMined(`transaction ${hash} is`)
}

function usedNonces(client: PublicClient, address: Hex): Promise<number> {
  return client.getTransactionCount({ address, blockTag: 'latest' })
}

/** Until it is time to look again, or the signal comes. */
function pause({ pollingInterval }: PublicClient, signal?: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const timer = setTimeout(resolve, pollingInterval)
  const stop = () => resolve()
  signal?.addEventListener('abort', stop)
  return promise.finally(() => {
    clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
  })
}

function explain(error: unknown): never {
  const poor = error instanceof BaseError && error.walk(cause => cause instanceof InsufficientFundsError)
  if (!poor) throw explainRevert(error)
  throw noFunds('the account cannot pay for the transaction', 'its balance is below value and gas')
}

export function noFunds(what: string, why: string): CliError {
  return new CliError('no-funds', {
    what,
    why,
    fix: 'send coins of the chain to the account, then run it again',
  })
}

/** Stopped by Ctrl-C, at a moment when nothing is lost by it. */
export function interrupted(why: string): CliError {
  return new CliError('interrupted', {
    what: 'stopped by a signal',
    why,
    fix: 'run the same command again: it waits for what was sent, and sends only what is missing',
  })
}

export function notMined(what: string): CliError {
  return new CliError('not-mined', {
    what: `${what} not mined`,
    why: `it was waited for ${WAIT_MS / 1000} s, or other programs of the account were always first`,
    fix: 'run the same command again later: it waits for what was sent, and sends only what is missing',
  })
}
