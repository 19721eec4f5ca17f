import { toHex } from '../bytes.ts'
import { type Checklist, combine, type Fact, passed } from '../checks.ts'
import type { Attested } from './attested.ts'
import { demand } from './codes.ts'
import type { CollateralFiles } from './collateral.ts'
import type { EvidenceCrypto } from './crypto.ts'
import { createQuoteVerdict, type Established, machineIds, securityVersions } from './dcap.ts'
import { enclaveMeasurements, isDebugEnclave, parseEnclaveReport } from './enclaveReport.ts'
import { DEFAULT_EVIDENCE_POLICY, type EvidencePolicy } from './evidencePolicy.ts'
import { rateSgx } from './tcb.ts'
import { createContext, type Verdict } from './verdict.ts'

/**
 * Verifies a quote of an Intel SGX enclave, version 3, 4 or 5, as `verifyTdx` does one of a TD.
 *
 * Never throws for bad evidence or collateral.
 * @throws NacreError as createContext, for a time or policy that is malformed
 */
export function verifySgx(
  evidence: Uint8Array,
  collateral: CollateralFiles,
  time: bigint,
  policy: EvidencePolicy = DEFAULT_EVIDENCE_POLICY,
  provider: Partial<EvidenceCrypto> = {},
): Verdict {
  const context = createContext(time, policy, provider)
  return createQuoteVerdict({ evidence, files: collateral, tee: 'sgx' }, context, checkEnclave)
}

function checkEnclave(list: Checklist, established: Fact<Established>): Fact<Attested> {
  const report = list.check('enclave-report', [established], ({ quote }) => {
    const report = parseEnclaveReport(quote.body)
    return passed(`MRENCLAVE ${toHex(report.mrEnclave).slice(2, 18)}..`, report)
  })
  const rating = list.check('tcb', [established], ({ tcbInfo, platform, quotingEnclave }) => {
    const rating = rateSgx(tcbInfo, platform, quotingEnclave)
    demand(rating.status !== 'Revoked', 'revoked', 'Intel has revoked this TCB')
    return passed([rating.status, ...rating.advisories].join(', '), rating)
  })
  return combine([established, report, rating], (established, report, rating) => ({
    measurements: enclaveMeasurements(report),
    reportData: toHex(report.reportData).slice(2),
    nonce: null,
    timestamp: null,
    tcbStatus: rating.status,
    tcb: { ...securityVersions(established), isvsvn: report.isvSvn },
    advisories: rating.advisories,
    debug: isDebugEnclave(report),
    partial: null,
    platform: machineIds(established),
  }))
}
