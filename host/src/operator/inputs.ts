import { type Hex, keccak256 } from 'viem'
import { describeError } from '../common/errors.ts'
import type { Common } from '../common/index.ts'
import type { Database } from '../database/connect.ts'
import { fetchInput, InputError } from './fetchInput.ts'
import { chainRequest, moveRequest } from './requests.ts'
import type { RequestRow } from './tables.ts'

export type Inputs = {
  /**
   * Starts fetching a request's input if nobody does; what was fetched is stored with the request, unless `refusal` says
   * why it is not its input: by default, that it has another hash. Returns why there is none yet; final when there will
   * be none.
   */
  fetch(row: RequestRow, refusal?: Refusal): { final: boolean; reason: string }
  /** Waits for the fetches in hand, which the shutdown's signal ends. */
  close(): Promise<void>
}

export type InputsOptions = {
  common: Pick<Common<unknown>, 'logger' | 'shutdown'>
  database: Database
  maxBytes: number
  allowPrivate: boolean
  /** Something was fetched, or will not be. */
  onDone: () => void
}

/** Sources are strangers' servers: few at a time, so that slow ones hold up neither each other's host nor the answers. */
const MAX_FETCHES = 8
const MAX_PER_HOST = 2
const MAX_ATTEMPTS = 4
const TIMEOUT_MS = 10_000
const PAUSE_MS = 2_000
/** After this time without a look a request is over. */
const FORGET_MS = 3_600_000

type Refusal = (input: Hex) => string | undefined
type Fetch = { running?: Promise<void>; host: string; failures: number; pauseUntil: number; final: boolean }

/** Fetches the inputs of requests by hash, beside the work on other requests. */
export function createInputs(options: InputsOptions): Inputs {
  const { common, database, maxBytes, allowPrivate } = options
  const fetches = new Map<string, Fetch>()

  async function run(row: RequestRow, source: Hex, entry: Fetch, refusal: Refusal): Promise<void> {
    const { signal } = common.shutdown
    const limits = { maxBytes, timeoutMs: TIMEOUT_MS, allowPrivate, signal }
    try {
      const input = await fetchInput({ source, refusal, ...limits })
      await moveRequest(database.queries, row, { input, reason: null })
    } catch (error) {
      entry.failures++
      entry.pauseUntil = performance.now() + PAUSE_MS * 2 ** entry.failures
      entry.final = (error instanceof InputError && error.final) || entry.failures >= MAX_ATTEMPTS
      const why = error instanceof InputError ? { why: error.message } : describeError(error)
      common.logger.warn({ request: row.id, ...why, final: entry.final }, 'its input was not fetched')
    } finally {
      delete entry.running
      if (entry.failures === 0) fetches.delete(keyOf(row))
      options.onDone()
    }
  }

  function hasRoom(host: string): boolean {
    const running = [...fetches.values()].filter(one => one.running)
    return running.length < MAX_FETCHES && running.filter(one => one.host === host).length < MAX_PER_HOST
  }

  return {
    fetch(row, refusal = otherHash(row)) {
      for (const [key, { running, pauseUntil }] of fetches)
        if (!running && pauseUntil < performance.now() - FORGET_MS) fetches.delete(key)
      const host = hostOf(row.source)
      const entry = fetches.get(keyOf(row)) ?? { host, failures: 0, pauseUntil: 0, final: false }
      if (entry.final) {
        fetches.delete(keyOf(row))
        return { final: true, reason: 'input-unavailable' }
      }
      if (!entry.running && entry.pauseUntil <= performance.now() && row.source !== null && hasRoom(host)) {
        fetches.set(keyOf(row), entry)
        entry.running = run(row, row.source, entry, refusal)
      }
      return { final: false, reason: 'fetching-input' }
    },
    close: async () => void (await Promise.all([...fetches.values()].map(({ running }) => running))),
  }
}

function otherHash(row: RequestRow): Refusal {
  const { inputHash } = chainRequest(row)
  return input => (keccak256(input) === inputHash ? undefined : 'they have another hash')
}

function hostOf(source: Hex | null): string {
  return URL.parse(Buffer.from((source ?? '0x').slice(2), 'hex').toString('utf8'))?.host ?? ''
}

/** The same request may be in another block after a reorganisation. */
function keyOf(row: RequestRow): string {
  return `${row.id}${row.blockHash}`
}
