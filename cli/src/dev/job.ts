import { digitReaderAbi, irisOracleAbi } from '@nacre/contracts'
import { type Fulfilled, fetchBundle, type Requested, requestThrough, waitForAnswer } from '@nacre/sdk'
import { decodeTensor, fromHex, type Hex, type ReceiptBundle, STATUS } from '@nacre/verify'
import { type Abi, parseEventLogs } from 'viem'
import type { sampleOf } from '../../../models/samples.ts'
import { findModel, type Model } from '../catalog.ts'
import { chainWallet } from './clients.ts'
import { type Network, urlOf } from './network.ts'
import { argumentOf, consumerName, QUESTIONS, type Question } from './questions.ts'
import { type Check, saveReceipt, verifyFile } from './receipts.ts'
import { ACCOUNTS } from './settings.ts'

/** One question, asked by a contract and answered: what the table and --json show. */
export type Answered = {
  consumer: string
  model: string
  artifact: string
  question: string
  expected: string
  answer: string
  requestId: Hex
  /** Who answered. */
  operator: Hex
  latencyMs: number
  gasRequest: bigint
  gasFulfil: bigint
  receiptId: string
  file: string
  checks: Check[]
  /** Of a digit: 784 bytes. */
  pixels?: Uint8Array
}

/** Has the consumer contracts ask every question, one after the other. */
export async function* mainJob(network: Network): AsyncGenerator<Answered> {
  for (const question of questionsOf(network)) yield await collect(network, await ask(network, question))
}

/** The questions whose model the network serves. */
export function questionsOf({ catalog }: Network): Question[] {
  return QUESTIONS.filter(question => catalog.some(model => model.name === question.model))
}

/** A question that a contract has asked, and what it takes to understand the answer. */
export type Asked = {
  question: Question
  model: Model
  sample: ReturnType<typeof sampleOf>
  consumer: Hex
  abi: Abi
  started: number
  requested: Requested
}

/** Has a question's consumer contract ask. */
export async function ask(network: Network, question: Question): Promise<Asked> {
  const samples = await import('../../../models/samples.ts')
  const model = findModel(network.catalog, question.model)
  const sample = samples.sampleOf(question.model as Parameters<typeof sampleOf>[0], question.sample)
  const consumer = network.deployment.consumers[consumerName(question, network.releaseId, model.artifact)]!
  const abi: Abi = question.consumer === 'IrisOracle' ? irisOracleAbi : digitReaderAbi
  const call = await pricedCall(network, consumer, abi, argumentOf(question, sample.input))
  const started = performance.now()
  const requested = await requestThrough({ ...call, client: network.client, relay: network.deployment.relay })
  return { question, model, sample, consumer, abi, started, requested }
}

/** Waits for the answer, saves its receipt and checks it. */
export async function collect(network: Network, asked: Asked): Promise<Answered> {
  const { question, model, sample, consumer, abi, requested } = asked
  const answer = await answerTo(network, requested)
  const latencyMs = performance.now() - asked.started
  const bundle = await bundleOf(network, answer)
  const file = saveReceipt(network.paths.receipts, answer.receiptId, bundle)
  const expected = { requestId: requested.id, consumer, artifact: model.artifact }
  const checks = await verifyFile(network, file, expected)
  checks.push(await callbackCheck(network, answer, abi))
  return {
    consumer: question.consumer,
    model: model.name,
    artifact: model.artifact,
    question: sample.question,
    expected: sample.expected,
    answer:
      answer.status === STATUS.ok ? sample.describe(decodeTensor(fromHex(bundle.output))) : textOf(bundle),
    requestId: requested.id,
    operator: answer.operator.toLowerCase() as Hex,
    latencyMs,
    gasRequest: requested.gasUsed,
    gasFulfil: answer.gasUsed,
    receiptId: answer.receiptId,
    file,
    checks,
    ...(sample.input.data instanceof Uint8Array && { pixels: sample.input.data }),
  }
}

/** The consumer's own `ask`, with the value that its `price` says. */
async function pricedCall(network: Network, consumer: Hex, abi: Abi, argument: unknown) {
  const maxGasPrice = 2n * (await network.client.getGasPrice())
  const price = { address: consumer, abi, functionName: 'price', args: [maxGasPrice] }
  const value = (await network.client.readContract(price)) as bigint
  const wallet = chainWallet(network.rpcUrl, ACCOUNTS.user)
  return { wallet, consumer, abi, functionName: 'ask', args: [argument, maxGasPrice], value }
}

export async function answerTo(network: Network, asked: Requested, timeout = 60_000): Promise<Fulfilled> {
  const { client, deployment } = network
  return waitForAnswer({
    client,
    relay: deployment.relay,
    id: asked.id,
    fromBlock: asked.blockNumber,
    timeout,
  })
}

/** The bundle comes from the operator that answered, unverified; what is checked is that it is the one that the chain accepted. */
export async function bundleOf(network: Network, answer: Fulfilled): Promise<ReceiptBundle> {
  const bundle = await fetchBundle({ url: urlOf(network, answer.operator), id: answer.id })
  if (bundle === undefined) throw new Error(`the operator has no bundle of the answered request ${answer.id}`)
  return bundle
}

/** That the relay's callback ran and the consumer's own code understood the answer. */
async function callbackCheck(network: Network, answer: Fulfilled, abi: Abi): Promise<Check> {
  const { logs } = await network.client.getTransactionReceipt({ hash: answer.transactionHash })
  const events = parseEventLogs({ abi, eventName: 'Answered', logs }) as { args?: { id?: string } }[]
  const ok = answer.callbackOk && events.some(event => event.args?.id === answer.id)
  return {
    name: 'callback',
    ok,
    detail: ok ? 'the consumer was called back with this answer' : 'the callback reverted',
  }
}

export function textOf(bundle: ReceiptBundle): string {
  return new TextDecoder().decode(fromHex(bundle.output))
}
