import { relayAbi } from '@nacre/contracts'
import { encodeFunctionData, type Hex, isAddressEqual, keccak256 } from 'viem'
import type { Nodes } from '../chain/nodes.ts'
import { callContract, RevertError } from '../chain/reverts.ts'
import type { Head } from '../chain/watcher.ts'
import { describeError } from '../common/errors.ts'
import type { Common } from '../common/index.ts'
import type { Database } from '../database/connect.ts'
import type { Profile } from './decide.ts'
import { chainRequest, overdueRequests } from './requests.ts'
import type { RequestRow } from './tables.ts'
import type { Transactions } from './transactions.ts'

export type Expiry = {
  /** Looks for overdue requests, now and then; call it after every block. */
  look(head: Head): void
  /** Waits for the look in hand. */
  close(): Promise<void>
}

export type ExpiryOptions = {
  common: Pick<Common<unknown>, 'logger' | 'shutdown'>
  nodes: Nodes
  database: Database
  transactions: Transactions
  profile: Pick<Profile, 'operator' | 'relay'>
  /** Seconds after the deadline; 0 is never. */
  afterS: number
}

const PAUSE_MS = 2_000
const MOST_AT_ONCE = 8
/** Operators come one after the other, in an order that differs for each request, so that one of them pays the gas. */
const TURNS = 8n
const TURN_S = 5n

/**
 * Expires requests that nobody answered. Their consumers get their money back, and the stake that covers them is free
 * for others: left alone, they would use the cover up for ever. What would slash this operator is left to others.
 */
export function createExpiry(options: ExpiryOptions): Expiry {
  const { common, database, afterS } = options
  // Our own duties: at most as many as the stake covers.
  const left = new Set<Hex>()
  let current: Promise<void> | undefined
  let next = 0

  async function lookOnce(head: Head): Promise<void> {
    const before = head.timestamp - BigInt(afterS)
    const rows = await overdueRequests(database.queries, before, { except: [...left], most: MOST_AT_ONCE })
    for (const row of rows) {
      if (common.shutdown.signal.aborted) return
      const due = row.deadline + turnOf(row.id, options.profile.operator) < before
      if (due && (await expire(options, row)) === 'ours') left.add(row.id)
    }
  }

  return {
    look(head) {
      if (afterS === 0 || current || performance.now() < next) return
      next = performance.now() + PAUSE_MS
      current = lookOnce(head)
        .catch(error => common.logger.warn(describeError(error), 'overdue requests could not be expired'))
        .finally(() => {
          current = undefined
        })
    },
    close: async () => void (await current),
  }
}

async function expire(options: ExpiryOptions, row: RequestRow): Promise<'ours' | undefined> {
  const { nodes, transactions, profile, common } = options
  const purpose = `expire:${row.id}`
  if (await transactions.isPending(purpose)) return undefined
  const request = chainRequest(row)
  const call = { address: profile.relay, abi: relayAbi, functionName: 'assignedOf', args: [request] } as const
  const isOurs = ([duty]: readonly [Hex, bigint]) => isAddressEqual(duty, profile.operator)
  try {
    const duty = await nodes.strictest({
      kind: 'turn',
      of: row.id,
      ask: client => callContract(() => client.readContract(call)),
      weight: answer => Number(isOurs(answer)),
      enough: 1,
    })
    if (isOurs(duty)) return 'ours'
    const data = encodeFunctionData({ abi: relayAbi, functionName: 'expire', args: [request] })
    const intent = { purpose, target: profile.relay, data }
    await transactions.send(intent, await transactions.estimate(intent))
    common.logger.info({ request: row.id }, 'overdue, expired')
  } catch (error) {
    // Closed by another, whose event is still to come.
    if (!(error instanceof RevertError)) throw error
  }
  return undefined
}

/** Seconds that this operator leaves to others. */
function turnOf(id: Hex, operator: Hex): bigint {
  return (BigInt(keccak256(`${id}${operator.slice(2)}`)) % TURNS) * TURN_S
}
