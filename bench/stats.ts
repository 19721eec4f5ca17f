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
  const at = (share: number): number => percentile(times, share)
  return { n: times.length, median: at(0.5), p90: at(0.9), min: at(0) }
}

/** The time that this share of them is not above; 0 when there are none. */
export function percentile(times: number[], share: number): number {
  const sorted = times.toSorted((a, b) => a - b)
  return round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0)
}

function round(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000
}

export type Cpu = { n: number; median_ms: number; p90_ms: number }

/** Of this process's thread, user and system. */
export function cpuOf(rounds: number, work: () => unknown): Cpu {
  for (let i = 0; i < 20; i++) work()
  const times = Array.from({ length: rounds }, () => {
    const before = process.cpuUsage()
    work()
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
  })
  return { n: rounds, median_ms: percentile(times, 0.5), p90_ms: percentile(times, 0.9) }
}
