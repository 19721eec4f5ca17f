import { explainRevert, type Wallet } from '@nacre/sdk'
import type { Hex } from '@nacre/verify'
import {
  type Abi,
  BaseError,
  InsufficientFundsError,
  type PublicClient,
  WaitForTransactionReceiptTimeoutError,
} from 'viem'
import { CliError } from '../errors.ts'

export type Call = { address: Hex; abi: Abi; functionName: string; args: readonly unknown[]; value?: bigint }
export type Sent = { transaction: Hex; block: bigint; gas: bigint }

const WAIT_MS = 180_000
/** How often another program of the same account may take our nonce before we give up. */
const ATTEMPTS = 3

/**
 * Waits until what the account has sent before is mined, so that a command that was stopped half way is not done twice.
 * @throws CliError not-mined
 */
export async function waitForEarlier(client: PublicClient, address: Hex): Promise<void> {
  const sent = await client.getTransactionCount({ address, blockTag: 'pending' })
  for (const end = Date.now() + WAIT_MS; Date.now() < end; ) {
    if ((await client.getTransactionCount({ address, blockTag: 'latest' })) >= sent) return
    await new Promise(resolve => setTimeout(resolve, client.pollingInterval))
  }
  throw notMined(`earlier transactions of ${address}`)
}

/**
 * Sends a call that the contract takes, and waits until it is mined. The account's agent may replace it: then it is sent
 * again.
 * @throws NacreError relay-reverted with the contract's own error; CliError not-mined, no-funds
 */
export async function send(client: PublicClient, wallet: Wallet, call: Call): Promise<Sent> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const sent = await attemptOf(client, wallet, call)
    if (sent) return sent
  }
  throw notMined(`${call.functionName}, replaced ${ATTEMPTS} times by another program of the same account,`)
}

async function attemptOf(client: PublicClient, wallet: Wallet, call: Call): Promise<Sent | undefined> {
  const account = wallet.account
  // The simulation's own request would not do: its ABI has no errors, and a refusal no name.
  const hash = await client
    .simulateContract({ ...call, account } as never)
    .then(() => wallet.writeContract(call as never))
    .catch(explain)
  const receipt = await client.waitForTransactionReceipt({ hash, timeout: WAIT_MS }).catch(error => {
    if (error instanceof WaitForTransactionReceiptTimeoutError) throw notMined(hash)
    throw error
  })
  if (receipt.transactionHash !== hash) return undefined
  if (receipt.status === 'success')
    return { transaction: hash, block: receipt.blockNumber, gas: receipt.gasUsed }
  throw new CliError('not-mined', {
    what: `${call.functionName} reverted in transaction ${hash}`,
    why: 'what the contract looks at changed after it was tried',
    fix: 'run the command again: it reads the chain first',
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

function notMined(what: string): CliError {
  return new CliError('not-mined', {
    what: `${what} is not mined`,
    why: `nothing came in ${WAIT_MS / 1000} s`,
    fix: 'run the same command again later: it waits for what was sent, and sends only what is missing',
  })
}
