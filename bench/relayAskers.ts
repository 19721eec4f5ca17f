import { relayAbi } from '@nacre/contracts'
import { quote, type RelayParams } from '@nacre/sdk'
import { type Hex, ZERO_HASH } from '@nacre/verify'
import { encodeFunctionData, type LocalAccount, type PublicClient } from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { paramsOf } from '../cli/src/dev/questions.ts'
import { MNEMONIC } from '../cli/src/dev/settings.ts'
import type { BenchNetwork } from './network.ts'
import type { Question } from './relayPlan.ts'

/** Accounts that ask in turn: the nonce of one makes its transactions wait for each other. */
export type Askers = {
  /** Sends a question; the chain may mine it later. */
  ask(question: Question): Promise<void>
  /** Sends any call to the relay from one of the accounts. */
  call(data: Hex): Promise<void>
}

const ASKERS = 8
/** Beyond anvil's own accounts, which the network uses. */
const FIRST = 100
const FUNDS = 10n ** 21n
const GAS = 500_000n

export async function createAskers(
  client: PublicClient,
  { deployment, releaseId }: BenchNetwork,
  deadlineS: number,
): Promise<Askers> {
  const { relay, chainId } = deployment
  const accounts = Array.from({ length: ASKERS }, (_, index) =>
    mnemonicToAccount(MNEMONIC, { addressIndex: FIRST + index }),
  )
  for (const { address } of accounts)
    await client.request({
      method: 'anvil_setBalance',
      params: [address, `0x${FUNDS.toString(16)}`],
    } as never)
  const nonces = new Map<LocalAccount, number>(accounts.map(account => [account, 0]))
  // Blocks with one small transaction: the base fee falls from now on.
  const maxGasPrice = 2n * (await client.getGasPrice())
  let sent = 0

  async function call(data: Hex, value = 0n): Promise<void> {
    const account = accounts[sent++ % ASKERS]!
    const nonce = nonces.get(account)!
    nonces.set(account, nonce + 1)
    const fees = { maxFeePerGas: maxGasPrice, maxPriorityFeePerGas: 1n }
    const transaction = {
      type: 'eip1559',
      chainId,
      nonce,
      to: relay,
      data,
      value,
      gas: GAS,
      ...fees,
    } as const
    await client.sendRawTransaction({ serializedTransaction: await account.signTransaction(transaction) })
  }

  const terms = (artifact: Hex): RelayParams => {
    const deadline = BigInt(Math.floor(Date.now() / 1000) + deadlineS)
    return paramsOf({ artifact, releaseId, deadline, maxGasPrice })
  }
  // The same for every artifact.
  const value = await quote({ client, relay, params: terms(ZERO_HASH) })
  return {
    call,
    ask: ({ artifact, input }) => {
      const args = [terms(artifact), input] as const
      return call(encodeFunctionData({ abi: relayAbi, functionName: 'request', args }), value)
    },
  }
}
