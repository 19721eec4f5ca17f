/** Milliseconds of `n` measurements. */
export type Times = { n: number; median: number; p90: number; min: number }

/** Runs `work` some times to warm up, then `n` times one after the other. */
export async function measure(n: number, warmUp: number, work: () => unknown): Promise<Times> {
  for (let i = 0; i < warmUp; i++) await work()
  const times: number[] = []
  for (let i = 0; i < n; i++) {
    const started = performance.now()
    await work()
    times.push(performance.now() - started)
  }
  return summary(times)
}

export function summary(times: number[]): Times {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number): number =>
    round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0)
  return { n: sorted.length, median: at(0.5), p90: at(0.9), min: at(0) }
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000
}
