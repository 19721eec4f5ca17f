import type { Head } from '../chain/watcher.ts'
import { describeError, FatalError } from '../common/errors.ts'
import { databaseError } from '../database/connect.ts'
import { moveRequest, type OpenRequest, openRequests, readOpen } from './requests.ts'
import { type StepOptions, step } from './steps.ts'
import type { RequestRow } from './tables.ts'

export type Worker = {
  /** Looks at every open request now; call it after every block and whenever something else changed. */
  wake(head: Head): void
  /** Waits for the work in hand. */
  close(): Promise<void>
}

const RETRY_S = 1
const MAX_RETRY_S = 30
/** Requests worked on at the same time; the others wait, the nearest deadline first. */
const MAX_BUSY = 16
/**
 * Of them, requests that waited for another operator. They come after our own duties; and whose own answers wait to be
 * mined cannot help: a chain that is slow for one is slow for all, and would get every answer from several.
 */
const MAX_OTHERS = 4
const MAX_UNMINED = 4
const OTHERS = new Set(['assigned-to-another', 'turn-of-another'])

/** Moves requests through their states; each step is stored before its effect, so that a restart repeats at most a read. */
export function createWorker(options: StepOptions): Worker {
  const { common, database } = options
  const { logger } = common
  const busy = new Map<string, Promise<void>>()
  const others = new Set<string>()
  /** By a clock that nobody sets: a pause must not become hours. */
  const pauses = new Map<string, { until: number; failures: number }>()
  let head: Head | undefined
  let timer: NodeJS.Timeout | undefined
  let pass: Promise<void> = Promise.resolve()
  let isPoked = false
  /** The last look left requests out that could be worked on. */
  let isFull = false
  let lookedAt = 0

  async function look(): Promise<void> {
    if (!head || common.shutdown.signal.aborted) return
    const open = new Map((await openRequests(database.queries)).map(request => [keyOf(request), request]))
    for (const key of pauses.keys()) if (!open.has(key)) pauses.delete(key)
    isFull = false
    lookedAt = performance.now()
    for (const [key, request] of open) {
      if (busy.has(key) || (pauses.get(key)?.until ?? 0) > lookedAt) continue
      if (hasPlace(request)) begin(key, request, head)
      else isFull = true
    }
    schedule()
  }

  function hasPlace({ reason }: OpenRequest): boolean {
    if (busy.size >= MAX_BUSY) return false
    if (!OTHERS.has(reason ?? '')) return true
    return others.size < MAX_OTHERS && options.transactions.waiting() < MAX_UNMINED
  }

  function begin(key: string, request: OpenRequest, now: Head): void {
    const pause = pauses.get(key)
    if (pause) pause.until = Number.POSITIVE_INFINITY
    if (OTHERS.has(request.reason ?? '')) others.add(key)
    busy.set(
      key,
      work(key, request, now).finally(() => {
        busy.delete(key)
        others.delete(key)
        if (isFull) poke()
        else schedule()
      }),
    )
  }

  async function work(key: string, request: OpenRequest, now: Head): Promise<void> {
    let row: RequestRow | undefined
    try {
      row = await readOpen(database.queries, request)
      const waitS = row && (await step(options, row, now))
      if (waitS === undefined) pauses.delete(key)
      else pauses.set(key, { until: performance.now() + waitS * 1000, failures: 0 })
    } catch (error) {
      // A job that stopped the engine, or that the enclave will never take, is not tried until its deadline.
      const skipped = row?.state === 'seen' && error instanceof FatalError && (await giveUpOn(row, error))
      const failures = (pauses.get(key)?.failures ?? 0) + 1
      pauses.set(key, {
        until: performance.now() + Math.min(MAX_RETRY_S, RETRY_S * 2 ** (failures - 1)) * 1000,
        failures,
      })
      logger.warn(
        { request: request.id, state: row?.state, ...describeError(databaseError(error)) },
        skipped ? 'request skipped, the enclave cannot answer it' : 'request step failed, will be repeated',
      )
    }
  }

  /** Final for this block: the request ends as skipped, with the error's code as its reason. */
  async function giveUpOn(row: RequestRow, { code }: FatalError): Promise<boolean> {
    const reason = `enclave-${code.toLowerCase().replaceAll('_', '-')}`
    return moveRequest(database.queries, row, { state: 'skipped', reason }).catch(() => false)
  }

  function schedule(): void {
    clearTimeout(timer)
    // Those that were due at the last look and had no place are looked at when one becomes free.
    const next = Math.min(...[...pauses.values()].map(({ until }) => until).filter(until => until > lookedAt))
    if (!Number.isFinite(next) || busy.size >= MAX_BUSY || common.shutdown.signal.aborted) return
    timer = setTimeout(poke, Math.max(10, next - performance.now()))
  }

  /** Has a look begin after the one in hand; those that are asked for until then are one. */
  function poke(): void {
    if (isPoked) return
    isPoked = true
    pass = pass
      .then(() => {
        isPoked = false
        return look()
      })
      .catch(error => {
        logger.warn(describeError(databaseError(error)), 'open requests could not be read')
      })
  }

  return {
    wake: newest => {
      head = newest
      poke()
    },
    close: async () => {
      clearTimeout(timer)
      await pass
      await Promise.all(busy.values())
      clearTimeout(timer)
    },
  }
}

/** The same request may be in another block after a reorganisation. */
function keyOf({ id, blockHash }: OpenRequest): string {
  return `${id}${blockHash}`
}
