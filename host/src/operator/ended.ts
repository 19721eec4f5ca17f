import { relayAbi } from '@nacre/contracts'
import type { PublicClient } from 'viem'
import type { ChainLog } from '../chain/audit.ts'
import { read } from '../chain/client.ts'
import { isRead } from '../chain/cursor.ts'
import type { Nodes } from '../chain/nodes.ts'
import type { Head } from '../chain/watcher.ts'
import type { Database } from '../database/connect.ts'
import type { Profile } from './decide.ts'
import { applyEvents } from './requests.ts'
import type { RequestRow } from './tables.ts'

/**
 * Looks for the event that ended a request, when it was not shown with its block: a node lists an event later than its
 * block at times, or shows what the other one does not. True when it is stored. Throws CHAIN_UNAVAILABLE,
 * DATABASE_UNAVAILABLE.
 */
export async function readEnd(
  { nodes, database, profile }: { nodes: Nodes; database: Database; profile: Profile },
  row: RequestRow,
  head: Head,
): Promise<boolean> {
  const relay = { address: profile.relay, abi: relayAbi } as const
  const span = { args: { id: row.id }, fromBlock: row.blockNumber, toBlock: head.number } as const
  const ends = async (client: PublicClient): Promise<ChainLog[]> => {
    const fulfilled = client.getContractEvents({ ...relay, ...span, eventName: 'Fulfilled' })
    const expired = client.getContractEvents({ ...relay, ...span, eventName: 'Expired' })
    return (await Promise.all([fulfilled, expired])).flat()
  }
  const [leading, other = leading] = await read(() => nodes.answers(ends))
  const end = leading.find(log => other.some(told => isSame(log, told)))
  if (!end) return false
  return database.transaction(async queries => {
    const known = await isRead(queries, { number: end.blockNumber, hash: end.blockHash })
    if (known) await applyEvents(queries, [end], profile.operator)
    return known
  })
}

function isSame(one: ChainLog, other: ChainLog): boolean {
  return one.blockHash === other.blockHash && one.logIndex === other.logIndex && one.data === other.data
}
