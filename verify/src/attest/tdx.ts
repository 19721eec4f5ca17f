import { toHex } from '../bytes.ts'
import { type Checklist, combine, type Fact, passed } from '../checks.ts'
import type { Attested } from './attested.ts'
import { demand } from './codes.ts'
import type { CollateralFiles } from './collateral.ts'
import type { EvidenceCrypto } from './crypto.ts'
import { componentsOf, createQuoteVerdict, type Established, machineIds, securityVersions } from './dcap.ts'
import { DEFAULT_EVIDENCE_POLICY, type EvidencePolicy } from './evidencePolicy.ts'
import { moduleOf, rateTdx } from './tcb.ts'
import type { TcbInfo } from './tcbInfo.ts'
import { parseTdReport, readTdAttributes, TD_UNDER_DEBUG, type TdReport } from './tdReport.ts'
import { createContext, type Verdict } from './verdict.ts'

/**
 * Verifies a quote of Intel TDX, version 4 or 5, of TDX 1.0 or 1.5, with Intel's collateral (`findDcapCollateral`
 * tells the forms): everything as of `time`, in seconds since 1970. Without collateral no quote is valid.
 *
 * Quotes are no replay key: zeros may follow one, and of each there is a twin with the other s.
 *
 * Never throws for bad evidence or collateral.
 * @throws NacreError as createContext, for a time or policy that is malformed
 */
export function verifyTdx(
  evidence: Uint8Array,
  collateral: CollateralFiles,
  time: bigint,
  policy: EvidencePolicy = DEFAULT_EVIDENCE_POLICY,
  provider: Partial<EvidenceCrypto> = {},
): Verdict {
  const context = createContext(time, policy, provider)
  return createQuoteVerdict({ evidence, files: collateral, tee: 'tdx' }, context, checkTd)
}

/** The checks of a TD's report, on what the quote establishes; those of dstack follow them. */
export function checkTd(list: Checklist, established: Fact<Established>): Fact<Attested> {
  const report = list.check('td-report', [established], ({ quote }) => {
    const report = parseTdReport(quote.body, quote.bodyType === 'td15' ? 'td15' : 'td10')
    return passed(`MRTD ${report.measurements.mrtd?.slice(0, 16)}..`, report)
  })
  const attributes = list.check('td-attributes', [report], checkAttributes)
  const module = list.check('tdx-module', [established, report], ({ tcbInfo }, report) =>
    checkModule(tcbInfo, report),
  )
  const rating = list.check('tcb', [established, report, module], (established, report) => {
    const { tcbInfo, platform, quotingEnclave } = established
    const svns = { launched: report.teeTcbSvn, current: report.teeTcbSvn2 }
    const rating = rateTdx(tcbInfo, platform, quotingEnclave, svns)
    demand(rating.status !== 'Revoked', 'revoked', 'Intel has revoked this TCB')
    return passed([rating.status, ...rating.advisories].join(', '), rating)
  })
  return combine([established, report, attributes, rating], (established, report, attributes, rating) => ({
    measurements: report.measurements,
    reportData: toHex(report.reportData).slice(2),
    nonce: null,
    timestamp: null,
    tcbStatus: rating.status,
    tcb: { ...securityVersions(established), ...componentsOf('tdxtcbcomp', report.teeTcbSvn) },
    advisories: rating.advisories,
    ...attributes,
    partial: null,
    platform: machineIds(established),
  }))
}

/**
 * Whether the TD is under debug, and whether another TD may migrate it, which a service TD does. Reserved bits are
 * refused, for what they mean is unknown.
 */
function checkAttributes(
  report: TdReport,
): ReturnType<typeof passed<Required<Pick<Attested, 'debug' | 'migratable'>>>> {
  const { set, reserved } = readTdAttributes(report.tdAttributes)
  demand(
    reserved.length === 0,
    'unsupported',
    () => `reserved bits of TDATTRIBUTES are set: ${reserved.join(', ')}`,
  )
  const debug = set.some(bit => TD_UNDER_DEBUG.includes(bit))
  const served = report.mrServiceTd?.some(byte => byte !== 0) ?? false
  const told = [...set, ...(served ? ['a service TD'] : [])].join(', ') || 'none set'
  // Without it the host can show the TD other memory than its own; Linux refuses to run then.
  const exposed = set.includes('septVeDisable') ? '' : '; NOT septVeDisable, the TD must guard itself'
  return passed(`${told}${exposed}`, { debug, migratable: served || set.includes('migratable') })
}

/** Whether Intel signed the TDX module (MRSIGNERSEAM), and it is a production one (SEAMATTRIBUTES zero). */
function checkModule(info: TcbInfo, report: TdReport): ReturnType<typeof passed> {
  const identity = moduleOf(info, report.teeTcbSvn)
  const same = report.mrSignerSeam.every((byte, i) => byte === identity.mrSigner[i])
  demand(same, 'wrong-identity', 'the TDX module is not signed by whom Intel says (MRSIGNERSEAM)')
  const attributes = report.seamAttributes.every((byte, i) => byte === 0 && identity.attributes[i] === 0)
  demand(attributes, 'wrong-identity', 'SEAMATTRIBUTES of the TDX module are not zero')
  return passed(`Intel's TDX module, version ${report.teeTcbSvn[1]}.${report.teeTcbSvn[0]}`)
}
