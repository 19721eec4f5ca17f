import { relayAbi } from '@nacre/contracts'
import { decodeEventLog, type Hex, keccak256, type Log } from 'viem'
import type { Queries } from '../database/connect.ts'
import {
  and,
  count,
  eq,
  gt,
  inArray,
  isNotNull,
  isNull,
  lt,
  notInArray,
  or,
  sql,
} from '../database/drizzle.ts'
import { type RequestRow, type RequestState, requestsTable } from './tables.ts'

/** A relay request as the chain has it (contracts: `Request`). */
export type ChainRequest = {
  consumer: Hex
  nonce: bigint
  blockNumber: bigint
  timestamp: bigint
  inputHash: Hex
  params: {
    artifact: Hex
    feeToken: Hex
    fee: bigint
    maxOutput: number
    callbackGas: number
    maxGasPrice: bigint
    deadline: bigint
    assurance: number
    maxEvidenceAge: number
    releases: readonly Hex[]
    publishers: readonly Hex[]
  }
}

const MAX_DEADLINE = 2n ** 53n
/** Times are the database's: this machine's clock may be set while the agent runs, or be another than the database's. */
const NOW = sql`now()`
const OPEN: RequestState[] = ['seen', 'answered', 'submitted']

/**
 * Stores what the relay's events say: new requests, answers and refunds. Repeating it changes nothing.
 * Returns seconds from reading a request to its answer, for those that `own` answered.
 */
export async function applyEvents(
  queries: Queries,
  logs: Log<bigint, number, false>[],
  own: Hex,
): Promise<number[]> {
  const latencies: number[] = []
  for (const log of logs) {
    const event = decode(log)
    if (event?.eventName === 'Requested') await insertRequest(queries, log, { ...event.args, source: null })
    if (event?.eventName === 'RequestedByHash') {
      const { source, request } = event.args
      const input = keccak256(source) === request.inputHash ? source : null
      await insertRequest(queries, log, { ...event.args, input })
    }
    if (event?.eventName === 'Accepted') {
      const { id, operator } = event.args
      await queries
        .update(requestsTable)
        .set({ acceptedBy: operator.toLowerCase() as Hex })
        .where(live(id))
    }
    if (event?.eventName === 'Fulfilled') {
      const { id, operator, receiptId, status } = event.args
      const outcome = {
        event: 'Fulfilled' as const,
        transaction: log.transactionHash,
        operator,
        receiptId,
        status,
      }
      const ended = await end(queries, id, { state: 'fulfilled', outcome, outcomeBlock: log.blockNumber })
      if (operator.toLowerCase() === own) latencies.push(...ended)
    }
    if (event?.eventName === 'Expired') {
      const outcome = {
        event: 'Expired' as const,
        transaction: log.transactionHash,
        operator: event.args.assigned,
      }
      await end(queries, event.args.id, { state: 'expired', outcome, outcomeBlock: log.blockNumber })
    }
  }
  return latencies
}

/** Whether an event puts a duty on us, or may: it counts when one node of two shows it. */
export function obliges(log: Log): boolean {
  const event = decode(log)?.eventName
  return event === 'Requested' || event === 'RequestedByHash' || event === 'Accepted'
}

/**
 * Undoes blocks after `ancestor`: their requests are orphaned, what they ended is open again, and what was skipped not
 * long ago, perhaps for what they said, is decided again.
 */
export async function rewindRequests(queries: Queries, ancestor: bigint): Promise<void> {
  const reopened = sql`case when bundle is null then 'seen' when nonce is null then 'answered' else 'submitted' end`
  await queries
    .update(requestsTable)
    .set({ state: reopened as never, outcome: null, outcomeBlock: null, updatedAt: NOW })
    .where(gt(requestsTable.outcomeBlock, ancestor))
  await queries
    .update(requestsTable)
    .set({ state: reopened as never, updatedAt: NOW })
    .where(
      and(eq(requestsTable.state, 'skipped'), gt(requestsTable.updatedAt, sql`now() - interval '1 hour'`)),
    )
  await queries
    .update(requestsTable)
    .set({ state: 'orphaned', reason: 'its block was dropped by the chain', updatedAt: NOW })
    .where(gt(requestsTable.blockNumber, ancestor))
}

/** A request in one of the blocks that it appeared in, and why it waits. */
export type OpenRequest = Pick<RequestRow, 'id' | 'blockHash' | 'reason'>

/** Requests that still need work, the nearest deadline first. Without inputs and answers: they are asked for often. */
export async function openRequests(queries: Queries): Promise<OpenRequest[]> {
  const { id, blockHash, reason, state, deadline } = requestsTable
  return queries
    .select({ id, blockHash, reason })
    .from(requestsTable)
    .where(inArray(state, OPEN))
    .orderBy(deadline)
}

/** All of a request, as it is now; undefined when it needs no more work: steps are made from open states only. */
export async function readOpen(
  queries: Queries,
  { id, blockHash }: Pick<RequestRow, 'id' | 'blockHash'>,
): Promise<RequestRow | undefined> {
  const { state } = requestsTable
  const same = and(eq(requestsTable.id, id), eq(requestsTable.blockHash, blockHash), inArray(state, OPEN))
  return (await queries.select().from(requestsTable).where(same))[0]
}

/**
 * Requests that take stake cover, whose deadline was before a time, and that the chain has not closed as far as it was
 * read; without those of `except`, by id.
 */
export async function overdueRequests(
  queries: Queries,
  before: bigint,
  { except, most }: { except: Hex[]; most: number },
): Promise<RequestRow[]> {
  const { id, state, deadline, source, acceptedBy } = requestsTable
  const unclosed = inArray(state, [...OPEN, 'skipped'])
  const covered = or(isNull(source), isNotNull(acceptedBy))
  return queries
    .select()
    .from(requestsTable)
    .where(and(unclosed, covered, lt(deadline, before), notInArray(id, except)))
    .orderBy(deadline)
    .limit(most)
}

/** Moves a request on, if nobody (a reorganisation, an event) moved it since `row` was read. */
export async function moveRequest(
  queries: Queries,
  row: RequestRow,
  changes: Partial<RequestRow>,
): Promise<boolean> {
  const same = and(
    eq(requestsTable.id, row.id),
    eq(requestsTable.blockHash, row.blockHash),
    eq(requestsTable.state, row.state),
  )
  const moved = await queries
    .update(requestsTable)
    .set({ ...changes, updatedAt: NOW })
    .where(same)
  return moved.rowCount === 1
}

/** Every appearance of a request; the one that is not orphaned first. */
export async function findRequest(queries: Queries, id: Hex): Promise<RequestRow[]> {
  const rows = await queries.select().from(requestsTable).where(eq(requestsTable.id, id))
  return rows.sort((one, other) => Number(one.state === 'orphaned') - Number(other.state === 'orphaned'))
}

/** How many requests are in each state. */
export async function countStates(queries: Queries): Promise<Partial<Record<RequestState, number>>> {
  const rows = await queries
    .select({ state: requestsTable.state, n: count() })
    .from(requestsTable)
    .groupBy(requestsTable.state)
  return Object.fromEntries(rows.map(({ state, n }) => [state, n]))
}

/** The request of a row, as the contracts take it. */
export function chainRequest(row: RequestRow): ChainRequest {
  const { params, ...rest } = row.request as Record<string, string> & { params: Record<string, string> }
  return {
    consumer: rest.consumer as Hex,
    nonce: BigInt(rest.nonce!),
    blockNumber: BigInt(rest.blockNumber!),
    timestamp: BigInt(rest.timestamp!),
    inputHash: rest.inputHash as Hex,
    params: {
      ...(params as unknown as ChainRequest['params']),
      fee: BigInt(params.fee!),
      maxGasPrice: BigInt(params.maxGasPrice!),
      deadline: BigInt(params.deadline!),
    },
  }
}

type Requested = {
  id: Hex
  artifact: Hex
  consumer: Hex
  request: ChainRequest
  input: Hex | null
  source: Hex | null
}

/** A block that comes back after a reorganisation brings its requests back with the answers that they had. */
async function insertRequest(
  queries: Queries,
  log: Log<bigint, number, false>,
  args: Requested,
): Promise<void> {
  if (!agrees(log, args)) return
  const { id, artifact, consumer, request, input, source } = args
  const restored = sql`case when requests.bundle is null then 'seen' when requests.nonce is null then 'answered' else 'submitted' end`
  await queries
    .insert(requestsTable)
    .values({
      id,
      blockHash: log.blockHash,
      blockNumber: log.blockNumber,
      artifact,
      consumer: consumer.toLowerCase() as Hex,
      deadline: request.params.deadline,
      request: JSON.parse(
        JSON.stringify(request, (_, value) => (typeof value === 'bigint' ? value.toString() : value)),
      ),
      input,
      source,
      state: 'seen',
    })
    .onConflictDoUpdate({
      target: [requestsTable.id, requestsTable.blockHash],
      set: { state: restored as never, reason: null },
      setWhere: eq(requestsTable.state, 'orphaned'),
    })
}

/** What a node tells must at least agree with itself: the rest is checked by the contract that gets the answer. */
function agrees(
  { blockNumber }: Log<bigint, number, false>,
  { artifact, request, input }: Requested,
): boolean {
  const { params } = request
  const inTime = params.deadline < MAX_DEADLINE && request.blockNumber === blockNumber
  return inTime && params.artifact === artifact && (input === null || keccak256(input) === request.inputHash)
}

/** A request in the chain's present blocks. */
function live(id: Hex) {
  return and(eq(requestsTable.id, id), sql`${requestsTable.state} <> 'orphaned'`)
}

/** Seconds since the requests that this ended were seen. */
async function end(queries: Queries, id: Hex, changes: Partial<RequestRow>): Promise<number[]> {
  const age = sql`extract(epoch from clock_timestamp() - ${requestsTable.seenAt})`.mapWith(Number)
  const ended = await queries
    .update(requestsTable)
    .set({ ...changes, reason: null, updatedAt: NOW })
    .where(live(id))
    .returning({ age })
  return ended.map(one => one.age)
}

function decode(log: Log) {
  try {
    return decodeEventLog({ abi: relayAbi, topics: log.topics as [Hex, ...Hex[]], data: log.data })
  } catch {
    return undefined
  }
}
