/** What the examples share: they run against a development network, `nacre dev`, and print what happens. */
import { parseArgs } from 'node:util'
import { type Fulfilled, type Requested, requestThrough, type Wallet } from '@nacre/sdk'
import type { Hex } from '@nacre/verify'
import type { Abi } from 'viem'
import { findModel } from '../cli/src/catalog.ts'
import { chainWallet } from '../cli/src/dev/clients.ts'
import { answerTo, bundleOf } from '../cli/src/dev/job.ts'
import { findNetwork, type Network } from '../cli/src/dev/network.ts'
import { paramsOf } from '../cli/src/dev/questions.ts'
import { saveReceipt, verifyFile } from '../cli/src/dev/receipts.ts'
import { ACCOUNTS, QUESTION_DEADLINE } from '../cli/src/dev/settings.ts'
import { EXIT } from '../cli/src/errors.ts'
import { createOutput, reportError } from '../cli/src/output.ts'

export type Example = {
  network: Network
  /** Two people of the development chain, who have coin. */
  alice: Wallet
  bob: Wallet
  say(text: string): void
}

/** Runs an example on the network of `--state`; an error is told as the command line tells it. */
export async function runExample(main: (example: Example) => Promise<void>): Promise<void> {
  const output = createOutput({})
  try {
    const { values } = parseArgs({ options: { state: { type: 'string', default: '.nacre' } } })
    const network = findNetwork(values.state)
    const { publisher, user } = ACCOUNTS
    const [alice, bob] = [publisher, user].map(account => chainWallet(network.rpcUrl, account)) as [
      Wallet,
      Wallet,
    ]
    await main({ network, alice, bob, say: output.line })
    process.exitCode = EXIT.ok
  } catch (error) {
    process.exitCode = reportError(error, output)
  }
}

/** What a contract asks of a model of the network: any operator of its release, at the development price. */
export function termsFor({ network }: Example, model: string) {
  const { artifact } = findModel(network.catalog, model)
  const { releaseId } = network
  return paramsOf({ artifact, releaseId, deadline: BigInt(QUESTION_DEADLINE), maxGasPrice: 0n })
}

export type Call = { wallet: Wallet; consumer: Hex; abi: Abi; functionName: string; args: readonly unknown[] }

/** Asks through a consumer's function, whose last argument is the gas price and whose price `priceFunction` tells. */
export async function ask({ network }: Example, call: Call, priceFunction = 'price'): Promise<Requested> {
  const { client, deployment } = network
  const maxGasPrice = 2n * (await client.getGasPrice())
  const price = { address: call.consumer, abi: call.abi, functionName: priceFunction, args: [maxGasPrice] }
  const value = (await client.readContract(price)) as bigint
  const args = [...call.args, maxGasPrice]
  return requestThrough({ ...call, args, value, client, relay: deployment.relay })
}

/** Waits for the answer that the chain has checked, and checks its receipt again, from its file. */
export async function collect({ network, say }: Example, asked: Requested): Promise<Fulfilled> {
  const answer = await answerTo(network, asked, 120_000)
  const file = saveReceipt(network.paths.receipts, answer.receiptId, await bundleOf(network, answer))
  const consumer = asked.request.consumer.toLowerCase() as Hex
  const expected = { requestId: asked.id, consumer, artifact: asked.request.params.artifact }
  const failed = (await verifyFile(network, file, expected)).filter(check => !check.ok)
  if (failed.length > 0)
    throw new Error(`the receipt ${file} fails ${failed.map(check => check.name).join(', ')}`)
  if (!answer.callbackOk) throw new Error(`the contract did not understand the answer of ${file}`)
  say(`  answered by ${answer.operator}, receipt verified: ${file}`)
  return answer
}
