import { relayAbi } from '@nacre/contracts'
import type { Hex } from '@nacre/verify'
import {
  type Abi,
  type Account,
  type Chain,
  type ContractEventArgs,
  decodeFunctionData,
  type PublicClient,
  parseEventLogs,
  type TransactionReceipt,
  type Transport,
  toHex,
  type WalletClient,
} from 'viem'
import { sdkError } from './errors.ts'
import { explainRevert, RELAY_ERRORS } from './revert.ts'

export type Wallet = WalletClient<Transport, Chain, Account>

/** `IRelay.Params`: what is asked for, what it may cost, and whom to accept. */
export type RelayParams = {
  /** SHA-256 of the model. */
  artifact: Hex
  /** Zero for the chain's own coin. */
  feeToken: Hex
  /** In the fee token's smallest unit. */
  fee: bigint
  /** Bytes. */
  maxOutput: number
  /** Gas guaranteed to the callback. */
  callbackGas: number
  /** Wei. */
  maxGasPrice: bigint
  /** Seconds, absolute, of the chain's time. */
  deadline: bigint
  /** Exactly what is required: 1 simulated, 2 tee, 3 zk. */
  assurance: number
  /** Seconds. */
  maxEvidenceAge: number
  releases: readonly Hex[]
  publishers: readonly Hex[]
}

/** `IRelay.Request`: what the relay's commitment covers. */
export type RelayRequest = {
  consumer: Hex
  nonce: bigint
  blockNumber: bigint
  timestamp: bigint
  inputHash: Hex
  params: RelayParams
}

/** A request that the chain has accepted. */
export type Requested = {
  id: Hex
  request: RelayRequest
  /** The input; of a request by hash, its source. */
  input: Hex
  transactionHash: Hex
  blockNumber: bigint
  gasUsed: bigint
}

/** An answer that the chain has checked and delivered. */
export type Fulfilled = {
  id: Hex
  operator: Hex
  /** Of the enclave that signed; zero for a proof. */
  receiptKey: Hex
  receiptId: Hex
  /** 0 ok; otherwise the output is a text that says why. */
  status: number
  /** False when the consumer's callback reverted; the answer is paid and final all the same. */
  callbackOk: boolean
  /** Paid to the operator in the fee token. */
  paid: bigint
  /** Reimbursed to the operator, wei. */
  gasPaid: bigint
  /** The answer's bytes, as the transaction's calldata carried them; absent when another contract called fulfil. */
  output?: Hex
  transactionHash: Hex
  blockNumber: bigint
  gasUsed: bigint
}

/** The exact value to send with a request, wei: the gas deposit, and the fee when it is in the chain's own coin. */
export async function quote(options: {
  client: PublicClient
  relay: Hex
  params: RelayParams
}): Promise<bigint> {
  const { client, relay, params } = options
  return await client
    .readContract({ address: relay, abi: relayAbi, functionName: 'quote', args: [params] })
    .catch(fail)
}

/**
 * Asks from a plain account: there is no callback; read the answer with `waitForAnswer`.
 * @throws NacreError relay-reverted with the contract's own error
 */
export async function request(options: {
  client: PublicClient
  wallet: Wallet
  relay: Hex
  params: RelayParams
  input: Hex
}): Promise<Requested> {
  const { client, relay, params, input } = options
  const value = await quote({ client, relay, params })
  return requestThrough({
    ...options,
    consumer: relay,
    abi: relayAbi,
    functionName: 'request',
    args: [params, input],
    value,
  })
}

/**
 * Asks from a plain account about an input that operators fetch from `source`, an http or https URL, and check by
 * `inputHash`, keccak256 of its canonical bytes; of a `zk` request the source may be the input's bytes, and its hash is the
 * commitment (`requestZk`). Nobody is obliged to answer until an operator accepts.
 * @throws NacreError relay-reverted with the contract's own error
 */
export async function requestByHash(options: {
  client: PublicClient
  wallet: Wallet
  relay: Hex
  params: RelayParams
  inputHash: Hex
  source: string | Uint8Array
}): Promise<Requested> {
  const { client, relay, params, inputHash, source } = options
  return requestThrough({
    ...options,
    consumer: relay,
    abi: relayAbi,
    functionName: 'requestByHash',
    args: [params, inputHash, toHex(source)],
    value: await quote({ client, relay, params }),
  })
}

/**
 * Asks through a consumer contract's own function, which calls the relay.
 * @throws NacreError relay-reverted, not-requested
 */
export async function requestThrough(options: {
  client: PublicClient
  wallet: Wallet
  relay: Hex
  consumer: Hex
  abi: Abi
  functionName: string
  args: readonly unknown[]
  value: bigint
}): Promise<Requested> {
  const { client, wallet, relay, consumer, functionName, args, value } = options
  const abi = [...options.abi.filter(entry => entry.type !== 'error'), ...RELAY_ERRORS]
  const call = { address: consumer, abi, functionName, args, value }
  const { request: checked } = await client.simulateContract({ ...call, account: wallet.account }).catch(fail)
  const transactionHash = await wallet.writeContract(checked as never).catch(fail)
  const receipt = await client.waitForTransactionReceipt({
    hash: transactionHash,
    pollingInterval: pollingOf(client),
  })
  return requestedIn(receipt, relay)
}

/**
 * The request that a transaction made.
 * @throws NacreError not-requested
 */
export function requestedIn(receipt: TransactionReceipt, relay: Hex): Requested {
  const logs = receipt.logs.filter(log => log.address.toLowerCase() === relay.toLowerCase())
  const event = parseEventLogs({ abi: relayAbi, eventName: ['Requested', 'RequestedByHash'], logs })[0]
  if (receipt.status !== 'success' || !event)
    throw sdkError(
      'not-requested',
      `Transaction ${receipt.transactionHash} made no request at the relay ${relay}.`,
    )
  const { id, request } = event.args
  const input = 'input' in event.args ? event.args.input : event.args.source
  const { transactionHash, blockNumber, gasUsed } = receipt
  return { id, request, input, transactionHash, blockNumber, gasUsed }
}

/**
 * Waits for the answer that the chain has checked.
 * @param options.timeout milliseconds
 * @throws NacreError request-expired, answer-timeout
 */
export async function waitForAnswer(options: {
  client: PublicClient
  relay: Hex
  id: Hex
  fromBlock: bigint
  timeout?: number
}): Promise<Fulfilled> {
  const { client, relay, id, fromBlock, timeout = 60_000 } = options
  const filter = { address: relay, abi: relayAbi, args: { id }, fromBlock, strict: true } as const
  for (const end = Date.now() + timeout; Date.now() < end; await pause(pollingOf(client))) {
    const [fulfilled] = await client.getContractEvents({ ...filter, eventName: 'Fulfilled' })
    if (fulfilled) return answerOf(client, relay, fulfilled)
    const [expired] = await client.getContractEvents({ ...filter, eventName: 'Expired' })
    if (expired) throw sdkError('request-expired', `Request ${id} was not answered before its deadline.`)
  }
  throw sdkError('answer-timeout', `Request ${id} has no answer after ${timeout} ms.`)
}

type FulfilledLog = {
  args: Required<ContractEventArgs<typeof relayAbi, 'Fulfilled'>> & object
  transactionHash: Hex
  blockNumber: bigint
}

async function answerOf(client: PublicClient, relay: Hex, log: FulfilledLog): Promise<Fulfilled> {
  const { transactionHash, blockNumber } = log
  const [receipt, transaction] = await Promise.all([
    client.getTransactionReceipt({ hash: transactionHash }),
    client.getTransaction({ hash: transactionHash }),
  ])
  const output =
    transaction.to?.toLowerCase() === relay.toLowerCase() ? outputOf(transaction.input) : undefined
  const facts = { transactionHash, blockNumber, gasUsed: receipt.gasUsed }
  return {
    ...(log.args as Omit<Fulfilled, 'output' | keyof typeof facts>),
    ...facts,
    ...(output && { output }),
  }
}

function outputOf(calldata: Hex): Hex | undefined {
  const call = decodeFunctionData({ abi: relayAbi, data: calldata })
  return call.functionName === 'fulfil' ? call.args[3] : undefined
}

/** Development chains mine at once. */
function pollingOf(client: PublicClient): number {
  return client.chain?.id === 31337 ? 10 : client.pollingInterval
}

function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds))
}

function fail(error: unknown): never {
  throw explainRevert(error)
}
