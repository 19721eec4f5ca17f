import type { Measured } from './row.ts'

/** Of the transparent prover, on two free cores: milliseconds, bytes, megabytes. */
export const TARGETS = {
  prove_ms: { 'iris-ols': 30, 'iris-mlp-500': 200, lenet5: 400 } as Readonly<Record<string, number>>,
  verify_ms: 40,
  proof_bytes: 500_000,
  rss_mb: 500,
  stretch: { lenet5_ms: 150, proof_bytes: 300_000 },
} as const

/** What misses its target, a line each. */
export function missed(rows: readonly Measured[]): string[] {
  return rows
    .filter(({ method }) => method === 'transparent')
    .flatMap(({ workload, prove_ms, verify_ms, proof_bytes, rss_mb }) => {
      const limits: [what: string, value: number | null, most: number | undefined][] = [
        ['proving, ms', prove_ms, TARGETS.prove_ms[workload]],
        ['verification, ms', verify_ms, TARGETS.verify_ms],
        ['proof, bytes', proof_bytes, TARGETS.proof_bytes],
        ['memory, MB', rss_mb, TARGETS.rss_mb],
      ]
      return limits
        .filter(([, value, most]) => most !== undefined && !(value !== null && value <= most))
        .map(([what, value, most]) => `${workload}: ${what}: ${value}, the target is ${most}`)
    })
}
