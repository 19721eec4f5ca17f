import { NacreError } from '../errors.ts'
import type { Tee } from './attested.ts'
import type { CollateralFiles } from './collateral.ts'
import type { EvidenceCrypto } from './crypto.ts'
import { verifyDstack } from './dstack.ts'
import type { EvidencePolicy } from './evidencePolicy.ts'
import { verifyNitro } from './nitro.ts'
import { verifyNvidia } from './nvidia.ts'
import { verifySgx } from './sgx.ts'
import { verifySimulatedEvidence } from './simulatedEvidence.ts'
import { verifySnp } from './snp.ts'
import { verifyTdx } from './tdx.ts'
import type { Verdict } from './verdict.ts'

/** Verifies evidence with the files of collateral that its kind needs; those of others are passed over. */
export type VerifyEvidence = (
  evidence: Uint8Array,
  collateral: CollateralFiles,
  time: bigint,
  policy?: EvidencePolicy,
  crypto?: Partial<EvidenceCrypto>,
) => Verdict

const VERIFIERS: Record<Tee, VerifyEvidence> = {
  nitro: verifyNitro,
  tdx: verifyTdx,
  sgx: verifySgx,
  snp: verifySnp,
  nvidia: verifyNvidia,
  dstack: verifyDstack,
  simulated: verifySimulatedEvidence,
}

/**
 * The verifier of a kind of evidence: a pure function that never throws for bad evidence.
 * @throws NacreError invalid-context for a TEE that this build does not verify
 */
export function verifierOf(tee: Tee): VerifyEvidence {
  const verifier = Object.hasOwn(VERIFIERS, tee) ? VERIFIERS[tee] : undefined
  if (verifier) return verifier
  throw new NacreError('invalid-context', `no verifier of ${String(tee).slice(0, 32)} in this build`)
}
