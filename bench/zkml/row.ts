export const METHODS = ['plain', 'enclave', 'transparent', 'groth16'] as const
export type Method = (typeof METHODS)[number]

/** What a method gave for a workload; null where it has no such thing. */
export type Row = {
  workload: string
  method: Method
  /** Until the answer is there with what verifies it, warm, median; of `plain` until the answer is there. */
  prove_ms: number | null
  verify_ms: number | null
  /** Of `enclave`: the receipt's bundle, evidence and release included. */
  proof_bytes: number | null
  /** The most that the method's process, or the enclave's processes, had in memory. */
  rss_mb: number | null
  /** Of the transaction that verifies it on chain. */
  gas: number | null
  /** Share of held-out samples answered rightly by what the method computes. */
  accuracy: number | null
}

/** What is kept beside it. */
export type Measured = Row & {
  /** The first run. */
  cold_ms?: number
  /** Before the first run, once a model: weights committed to, keys made, an enclave started. */
  setup_ms?: number
  /** The integer reference, of `plain`. */
  reference_ms?: number
  constraints?: number
  /** Of the transparent prover. */
  threads?: number
  /** Why something is null. */
  note?: string
}

/** What a child process measures; the parent knows workload, method and accuracy. */
export type Figures = Omit<Measured, 'workload' | 'method' | 'accuracy'>

export const NOTHING: Figures = {
  ...{ prove_ms: null, verify_ms: null, proof_bytes: null, rss_mb: null, gas: null },
}

/** The most that this process had in memory, megabytes: maxRSS is in kilobytes. */
export function peakMb(): number {
  return Math.round((process.resourceUsage().maxRSS * 1024) / 1e5) / 10
}

/** The rows with the fields that programs may count on. */
export function plainRows(rows: readonly Measured[]): Row[] {
  return rows.map(({ workload, method, prove_ms, verify_ms, proof_bytes, rss_mb, gas, accuracy }) => ({
    ...{ workload, method, prove_ms, verify_ms, proof_bytes, rss_mb, gas, accuracy },
  }))
}
