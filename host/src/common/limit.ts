import { RetryableError } from './errors.ts'

/** Runs works at the same time up to a number, the first come first; throws TOO_BUSY when too many wait. */
export type Limit = <T>(work: () => Promise<T>) => Promise<T>

export function createLimit(most: number, mostWaiting: number): Limit {
  let running = 0
  const waiting: (() => void)[] = []
  return async work => {
    if (running >= most) {
      if (waiting.length >= mostWaiting) throw tooBusy(running + waiting.length)
      // Who ends hands its place on, so that nobody takes it in between.
      await new Promise<void>(resolve => waiting.push(resolve))
    } else running++
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }
}

export function tooBusy(calls: number): RetryableError {
  return new RetryableError('TOO_BUSY', `${calls} calls are being answered.`, {
    fix: 'Try again in a moment.',
  })
}
