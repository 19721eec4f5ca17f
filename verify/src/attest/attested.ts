import type { TcbStatus } from './evidencePolicy.ts'

export const TEES = ['nitro', 'tdx', 'sgx', 'snp', 'nvidia', 'dstack', 'simulated'] as const
export type Tee = (typeof TEES)[number]

/**
 * What authentic evidence says. Bytes are lower-case hex without a prefix, as the vendors' tools print and take them.
 */
export type Attested = {
  /** By register: `pcr0`.. (Nitro, simulated), `mrtd`, `rtmr0`.. (TDX), `mrenclave`, `mrsigner` (SGX), `measurement`, `hostData`.. (SNP). */
  measurements: Record<string, string>
  /** What the code inside put into the evidence: Nitro's user_data, report data elsewhere; null for none. */
  reportData: string | null
  /** The key that the code inside put into the evidence, where the format has a field for it: Nitro's public_key. */
  publicKey?: string | null
  /** The nonce where the format has a field for it; null where a nonce would be the report data. */
  nonce: string | null
  /** When the evidence was made, where the hardware signs that, seconds since 1970. */
  timestamp: bigint | null
  /** Intel's word on the platform's TCB; null where the vendor gives none. */
  tcbStatus: TcbStatus | null
  /** Security versions by component, to compare with a policy's minimum. */
  tcb: Record<string, number>
  /** The vendor's security advisories that concern this TCB. */
  advisories: string[]
  /** Whether whoever runs the machine can look inside; null where that is not known. */
  debug: boolean | null
  /** Whether the guest may be moved to another machine, where the evidence says. */
  migratable?: boolean
  /** Privilege level of who asked for the evidence, 0 (highest) to 3, where there are such. */
  vmpl?: number
  /** What was not checked, because it needs more than was given; null if nothing. */
  partial: string | null
  /** Ids of the machine: `moduleId`, `fmspc`, `ppid`, `chipId`.. */
  platform: Record<string, string>
}
