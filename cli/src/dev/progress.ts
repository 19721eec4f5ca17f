import { bold, dim, type Output } from '../output.ts'

/** Lines with the time since the process started. */
export type Progress = { step: (text: string) => void; now: () => number }

export function createProgress(output: Output): Progress {
  return {
    step: text => output.line(`${dim(`${(performance.now() / 1000).toFixed(1).padStart(5)} s`)}  ${text}`),
    now: () => performance.now(),
  }
}

/** Nobody may take a simulated network for a real one. */
export function warnSimulated(output: Output): void {
  output.line(bold('┌────────────────────────────────────────────────────────────────────────────┐'))
  output.line(bold('│  SIMULATED: no hardware protects this enclave. Its attestation is signed   │'))
  output.line(bold('│  by a root key on this disk. For development only; never for real money.   │'))
  output.line(bold('└────────────────────────────────────────────────────────────────────────────┘'))
}
