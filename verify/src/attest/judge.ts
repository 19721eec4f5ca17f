import { type Hex, toHex, ZERO_HASH } from '../bytes.ts'
import { NacreError } from '../errors.ts'
import { keccak256 } from '../hash.ts'
import type { RefusalCode } from './codes.ts'
import { CASE_KIND, type CaseTee, decodeCase, type EvidenceCase } from './evidenceCase.ts'
import { evidenceMeasurement } from './evidenceMeasurement.ts'
import type { EvidencePolicy } from './evidencePolicy.ts'
import { verifyNvidia } from './nvidia.ts'
import { parseNvidiaReport } from './nvidiaReport.ts'
import { verifySgx } from './sgx.ts'
import { verifySnp } from './snp.ts'
import { encodeStatement } from './statement.ts'
import { verifyTdx } from './tdx.ts'
import type { Verdict } from './verdict.ts'
import type { VerifyEvidence } from './verifyEvidence.ts'

/** The statement's bytes, or why there is none: the verdict's code and a detail. */
export type Judgement = { statement: Uint8Array } | { code: RefusalCode; detail: string }

/** Of the verifiers those that a case may ask for: no other is in the enclave's image. */
const VERIFIERS: Record<CaseTee, VerifyEvidence> = {
  tdx: verifyTdx,
  snp: verifySnp,
  sgx: verifySgx,
  nvidia: verifyNvidia,
}

/**
 * Judges the bytes of a case under a policy: what a verifier enclave does, as a pure function. A partial verdict is
 * refused unless the policy says `"partial": true` itself: whoever reads a statement sees no more than the policy.
 *
 * Never throws for a bad case.
 * @throws NacreError as parseEvidencePolicy
 */
export function judgeCase(bytes: Uint8Array, policy: EvidencePolicy): Judgement {
  const found = readCase(bytes)
  if (found instanceof NacreError) return { code: codeOf(found), detail: found.message }
  const { tee, evidence, collateral, time } = found
  const verdict = VERIFIERS[tee](evidence, collateral, time, { ...policy, partial: policy.partial ?? false })
  if (!verdict.ok) return { code: verdict.code as RefusalCode, detail: firstFailure(verdict) }
  return { statement: stateOf(found, verdict) }
}

function readCase(bytes: Uint8Array): EvidenceCase | NacreError {
  try {
    return decodeCase(bytes)
  } catch (error) {
    if (error instanceof NacreError) return error
    throw error
  }
}

function codeOf({ code }: NacreError): RefusalCode {
  if (code === 'too-large') return 'too-large'
  return code === 'unsupported-version' ? 'unsupported' : 'malformed'
}

function firstFailure({ checks }: Verdict): string {
  const failed = checks.find(check => !check.ok)
  return failed ? `${failed.name}: ${failed.detail}` : ''
}

function stateOf({ tee, evidence, time }: EvidenceCase, { measurements, reportData }: Verdict): Uint8Array {
  // A GPU's report holds a nonce alone: nothing that it could bind a key with.
  const [userData, nonce] =
    tee === 'nvidia' ? [ZERO_HASH, toHex(parseNvidiaReport(evidence).nonce)] : halvesOf(reportData as string)
  return encodeStatement({
    version: 1,
    kind: CASE_KIND[tee],
    evidenceHash: keccak256(evidence),
    measurement: evidenceMeasurement(tee, measurements),
    userData,
    nonce,
    time,
  })
}

/** User data and nonce: 64 bytes of report data. */
function halvesOf(reportData: string): [Hex, Hex] {
  return [`0x${reportData.slice(0, 64)}`, `0x${reportData.slice(64, 128)}`]
}
