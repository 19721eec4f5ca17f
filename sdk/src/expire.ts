import { relayAbi } from '@nacre/contracts'
import { type Hex, ZERO_HASH } from '@nacre/verify'
import { type Abi, getAbiItem, type PublicClient, parseEventLogs, type TransactionReceipt } from 'viem'
import { sdkError } from './errors.ts'
import type { RelayRequest, Wallet } from './relay.ts'
import { explainRevert, RELAY_ERRORS } from './revert.ts'

/** A request as its event tells it: what `expire` needs. */
export type AskedRequest = { id: Hex; request: RelayRequest; blockNumber: bigint }

/** A request that ended without an answer. */
export type Expired = {
  id: Hex
  /** Whose duty it was; zero when nobody's. */
  assigned: Hex
  /** Taken from its stake, wei. */
  slashed: bigint
  transactionHash: Hex
  gasUsed: bigint
}

/** Calls to a node at the same time. */
const GROUP = 50

const ASKED = [
  getAbiItem({ abi: relayAbi, name: 'Requested' }),
  getAbiItem({ abi: relayAbi, name: 'RequestedByHash' }),
] as const

/**
 * Ends an overdue request: fee and deposit are credited to its consumer, and whose duty it was is slashed. Anyone may;
 * the caller pays the gas. Returns undefined when the request is closed already, so that a repeat changes nothing.
 * @throws NacreError relay-reverted with the contract's own error: DeadlineNotReached
 *
 * @example
 * for (const request of await overdueRequests({ client, relay, fromBlock }))
 *   await expire({ client, wallet, relay, request })
 */
export async function expire(options: {
  client: PublicClient
  wallet: Wallet
  relay: Hex
  request: Pick<AskedRequest, 'id' | 'request'>
}): Promise<Expired | undefined> {
  const { client, wallet, relay } = options
  const { id, request } = options.request
  const abi: Abi = [...relayAbi.filter(entry => entry.type !== 'error'), ...RELAY_ERRORS]
  const { account } = wallet
  // Deadlines are judged by the time of the block to come: the newest one may be old.
  const call = { address: relay, abi, functionName: 'expire', args: [request], account } as const
  const next = { ...call, blockTag: 'pending' } as const

  if (!(await isOpen(client, relay, id))) return undefined
  try {
    await client.simulateContract(next)
    const gas = await client.estimateContractGas(next)
    const hash = await wallet.writeContract({ ...call, chain: wallet.chain, gas })
    return expiredIn(await client.waitForTransactionReceipt({ hash }), relay)
  } catch (error) {
    // Somebody else may have come first.
    if (await isOpen(client, relay, id)) throw explainRevert(error)
    return undefined
  }
}

/**
 * Requests that were asked in a range of blocks, whose deadline is over, and that are still open.
 * @param options.toBlock default: the newest
 * @param options.time seconds; default: the time of the block to come
 */
export async function overdueRequests(options: {
  client: PublicClient
  relay: Hex
  fromBlock: bigint
  toBlock?: bigint
  time?: bigint
}): Promise<AskedRequest[]> {
  const { client, relay, fromBlock, toBlock = 'latest' } = options
  const time = options.time ?? (await client.getBlock({ blockTag: 'pending' })).timestamp
  const logs = await client.getLogs({ address: relay, events: ASKED, strict: true, fromBlock, toBlock })
  const overdue = logs.filter(log => log.args.request.params.deadline < time).map(askedIn)
  const open: AskedRequest[] = []
  for (let i = 0; i < overdue.length; i += GROUP) {
    const group = overdue.slice(i, i + GROUP)
    const still = await Promise.all(group.map(({ id }) => isOpen(client, relay, id)))
    open.push(...group.filter((_, j) => still[j]))
  }
  return open
}

/**
 * The request with this id, from its event; undefined when none was asked in the range.
 * @param options.toBlock default: the newest
 */
export async function findRequest(options: {
  client: PublicClient
  relay: Hex
  id: Hex
  fromBlock: bigint
  toBlock?: bigint
}): Promise<AskedRequest | undefined> {
  const { client, relay, id, fromBlock, toBlock = 'latest' } = options
  const filter = { address: relay, abi: relayAbi, args: { id }, strict: true, fromBlock, toBlock } as const
  const [inFull, byHash] = await Promise.all([
    client.getContractEvents({ ...filter, eventName: 'Requested' }),
    client.getContractEvents({ ...filter, eventName: 'RequestedByHash' }),
  ])
  const log = inFull[0] ?? byHash[0]
  return log && askedIn(log)
}

function askedIn(log: { args: { id: Hex; request: RelayRequest }; blockNumber: bigint }): AskedRequest {
  return { id: log.args.id, request: log.args.request, blockNumber: log.blockNumber }
}

/** The relay forgets a request when it is answered or expired. */
async function isOpen(client: PublicClient, relay: Hex, id: Hex): Promise<boolean> {
  const call = { address: relay, abi: relayAbi, functionName: 'commitmentOf', args: [id] } as const
  return (await client.readContract(call)) !== ZERO_HASH
}

function expiredIn(receipt: TransactionReceipt, relay: Hex): Expired {
  const logs = receipt.logs.filter(log => log.address.toLowerCase() === relay.toLowerCase())
  const [event] = parseEventLogs({ abi: relayAbi, eventName: 'Expired', logs })
  const { transactionHash, gasUsed } = receipt
  if (event) return { ...event.args, transactionHash, gasUsed }
  throw sdkError('relay-reverted', `The contract refused transaction ${transactionHash}.`)
}
