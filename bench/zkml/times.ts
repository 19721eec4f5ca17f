import { percentile } from '../stats.ts'

/** Milliseconds: the first run, in which engines compile and memory appears, and the median of those after it. */
export type Runs = { cold: number; median: number; runs: number }

export type RunsOptions = { atLeast?: number; atMost?: number; seconds?: number }

/** Runs `work` once, then until so many runs or seconds have gone by. */
export async function repeat(work: () => unknown, options: RunsOptions = {}): Promise<Runs> {
  const { atLeast = 3, atMost = 20, seconds = 4 } = options
  const cold = await timed(work)
  const times: number[] = []
  for (let total = 0; times.length < atLeast || (times.length < atMost && total < 1000 * seconds); ) {
    times.push(await timed(work))
    total += times.at(-1)!
  }
  return { cold: round(cold), median: percentile(times, 0.5), runs: times.length }
}

/** Milliseconds that `work` took. */
export async function timed(work: () => unknown): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}

export const round = (value: number, digits = 3): number => Math.round(value * 10 ** digits) / 10 ** digits
