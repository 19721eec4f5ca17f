import { relayAbi } from '@nacre/contracts'
import type { Hex } from '@nacre/verify'
import { formatLog, numberToHex, type PublicClient, parseEventLogs, type RpcLog } from 'viem'
import { readEvents } from '../operator/chain.ts'
import type { Source } from './source.ts'

/** Where and when something was mined, and what it cost. */
export type Mined = {
  time: number
  block: bigint
  transaction: Hex
  gas: bigint
  /** Who sent the transaction. */
  sender: Hex
}

type Logs = ReturnType<typeof decode>
export type RelayEvent = Logs[number]

/** Every event of the relay that names the request, oldest first: the id is the first topic of all of them. */
export async function readRequestEvents(
  { client, deployment }: Source,
  id: Hex,
  from: bigint,
): Promise<Logs> {
  const latest = await client.getBlockNumber()
  const logs = await readEvents(
    ({ fromBlock, toBlock }) => logsOf(client, deployment.relay, id, fromBlock, toBlock),
    from,
    latest,
  )
  return decode(logs)
}

/** Reads what a log does not say, once for each transaction. */
export function createReader(client: PublicClient): (event: RelayEvent) => Promise<Mined> {
  const known = new Map<string, Promise<Mined>>()
  const read = async ({ transactionHash, blockNumber }: RelayEvent): Promise<Mined> => {
    const [{ gasUsed, from }, { timestamp }] = await Promise.all([
      client.getTransactionReceipt({ hash: transactionHash }),
      client.getBlock({ blockNumber }),
    ])
    return {
      time: Number(timestamp),
      block: blockNumber,
      transaction: transactionHash,
      gas: gasUsed,
      sender: from,
    }
  }
  return event => {
    // A reorganisation may put the same transaction into another block.
    const key = `${event.transactionHash}${event.blockHash}`
    const mined = known.get(key) ?? read(event)
    known.set(key, mined)
    return mined
  }
}

async function logsOf(
  client: PublicClient,
  address: Hex,
  id: Hex,
  from: bigint,
  to: bigint,
): Promise<RpcLog[]> {
  const filter = { address, topics: [null, id], fromBlock: numberToHex(from), toBlock: numberToHex(to) }
  return client.request({ method: 'eth_getLogs', params: [filter] })
}

function decode(logs: RpcLog[]) {
  return parseEventLogs({
    abi: relayAbi,
    logs: logs.map(log => formatLog(log)) as never,
    strict: true,
  }) as Log[]
}

type Parsed = ReturnType<typeof parseEventLogs<typeof relayAbi, true>>[number]
type Log = Parsed & { blockNumber: bigint; transactionHash: Hex; blockHash: Hex }
