import type { Head } from '../chain/watcher.ts'
import { describeError, FatalError } from '../common/errors.ts'
import { databaseError } from '../database/connect.ts'
import { moveRequest, openRequests } from './requests.ts'
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

/** Moves requests through their states; each step is stored before its effect, so that a restart repeats at most a read. */
export function createWorker(options: StepOptions): Worker {
  const { common, database } = options
  const { logger } = common
  const busy = new Map<string, Promise<void>>()
  /** By a clock that nobody sets: a pause must not become hours. */
  const pauses = new Map<string, { until: number; failures: number }>()
  let head: Head | undefined
  let timer: NodeJS.Timeout | undefined
  let pass: Promise<void> = Promise.resolve()

  async function look(): Promise<void> {
    if (!head || common.shutdown.signal.aborted) return
    const open = new Map((await openRequests(database.queries)).map(row => [keyOf(row), row]))
    for (const key of pauses.keys()) if (!open.has(key)) pauses.delete(key)
    for (const [key, row] of open) {
      if (busy.has(key) || (pauses.get(key)?.until ?? 0) > performance.now()) continue
      if (busy.size >= MAX_BUSY) break
      const pause = pauses.get(key)
      if (pause) pause.until = Number.POSITIVE_INFINITY
      busy.set(key, work(key, row, head))
    }
    schedule()
  }

  async function work(key: string, row: RequestRow, now: Head): Promise<void> {
    try {
      const waitS = await step(options, row, now)
      if (waitS === undefined) pauses.delete(key)
      else pauses.set(key, { until: performance.now() + waitS * 1000, failures: 0 })
    } catch (error) {
      // A job that stopped the engine, or that the enclave will never take, is not tried until its deadline.
      const skipped = row.state === 'seen' && error instanceof FatalError && (await giveUpOn(row, error))
      const failures = (pauses.get(key)?.failures ?? 0) + 1
      pauses.set(key, {
        until: performance.now() + Math.min(MAX_RETRY_S, RETRY_S * 2 ** (failures - 1)) * 1000,
        failures,
      })
      logger.warn(
        { request: row.id, state: row.state, ...describeError(databaseError(error)) },
        skipped ? 'request skipped, the enclave cannot answer it' : 'request step failed, will be repeated',
      )
    }
    const full = busy.size >= MAX_BUSY
    busy.delete(key)
    if (full) poke()
    else schedule()
  }

  /** Final for this block: the request ends as skipped, with the error's code as its reason. */
  async function giveUpOn(row: RequestRow, { code }: FatalError): Promise<boolean> {
    const reason = `enclave-${code.toLowerCase().replaceAll('_', '-')}`
    return moveRequest(database.queries, row, { state: 'skipped', reason }).catch(() => false)
  }

  function schedule(): void {
    clearTimeout(timer)
    const next = Math.min(...[...pauses.values()].map(({ until }) => until))
    if (!Number.isFinite(next) || busy.size >= MAX_BUSY || common.shutdown.signal.aborted) return
    timer = setTimeout(poke, Math.max(10, next - performance.now()))
  }

  function poke(): void {
    pass = pass.then(look).catch(error => {
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
function keyOf(row: RequestRow): string {
  return `${row.id}${row.blockHash}`
}
