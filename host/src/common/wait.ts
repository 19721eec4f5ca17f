import { setTimeout as sleep } from 'node:timers/promises'
import { RetryableError } from './errors.ts'

export type RetryOptions = {
  signal?: AbortSignal
  /** First pause; doubles to `maxMs`, with jitter. */
  minMs?: number
  maxMs?: number
  attempts?: number
  /** Whether such an error may pass by itself; default: every retryable one. */
  again?: (error: RetryableError) => boolean
  /** Least pause after an error that cost gas; doubles with each, to `MAX_PAID_MS`. */
  minPaidMs?: number
  onRetry?: (error: unknown, pauseMs: number) => void
}

/**
 * A node that says that a transaction would be taken, and has it refused, is not to make us pay at every turn: a day of
 * it costs fifty transactions.
 */
const MAX_PAID_MS = 30 * 60_000

/** Runs `work`, again after a growing pause while it throws RetryableError. Any other error ends it at once. */
export async function retry<T>(work: () => Promise<T>, options: RetryOptions = {}): Promise<T> {
  const { signal, minMs = 100, maxMs = 5_000, attempts = Number.POSITIVE_INFINITY, onRetry } = options
  const { again = () => true, minPaidMs = 10_000 } = options
  let paid = 0
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      if (!(error instanceof RetryableError) || attempt >= attempts || signal?.aborted) throw error
      if (!again(error)) throw error
      const longest = error.paid ? MAX_PAID_MS : maxMs
      const doubled = error.paid ? minPaidMs * 2 ** paid++ : minMs * 2 ** (attempt - 1)
      const pauseMs = Math.min(longest, doubled) * (0.5 + Math.random() / 2)
      onRetry?.(error, pauseMs)
      await sleep(pauseMs, undefined, signal ? { signal } : {}).catch(() => {
        throw error
      })
    }
  }
}

/** What `work` gives; undefined when that takes longer, and the work goes on. */
export async function inTime<T>(work: Promise<T>, ms: number): Promise<T | undefined> {
  const late = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => late.resolve(undefined), ms)
  return Promise.race([work, late.promise]).finally(() => clearTimeout(timer))
}

/** What `work` gives, unless the signal comes first: then its reason is thrown, and the work goes on unheard. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work
  const aborted = Promise.withResolvers<never>()
  const stop = () => aborted.reject(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  return Promise.race([work, aborted.promise]).finally(() => signal.removeEventListener('abort', stop))
}
