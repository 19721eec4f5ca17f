import { type Checklist, combine, type Fact, passed } from '../checks.ts'
import { iso, type X509 } from './certificate.ts'
import { demand } from './codes.ts'
import type { CollateralFiles } from './collateral.ts'
import { isRevoked } from './crl.ts'
import { findDcapCollateral } from './dcapCollateral.ts'
import { selectCrl, selectQeIdentity, selectSigners, selectTcbInfo } from './dcapSelect.ts'
import type { EnclaveReport } from './enclaveReport.ts'
import type { Rating } from './intelJson.ts'
import type { PckChain, Platform } from './pck.ts'
import { checkQuotingEnclave } from './qeIdentity.ts'
import type { TcbInfo } from './tcbInfo.ts'
import type { EvidenceContext } from './verdict.ts'

/** What Intel says of a machine's family and of the quoting enclave that made a quote. */
export type IntelsWord = { tcbInfo: TcbInfo; quotingEnclave: Rating; qeSvn: number }

type Found = {
  files: CollateralFiles
  tee: TcbInfo['tee']
  chain: Fact<PckChain>
  pck: Fact<X509>
  platform: Fact<Platform>
  qeReport: Fact<EnclaveReport>
}

/**
 * The checks of the collateral: nothing that the quote rests on is revoked, Intel signed what it says of the machine
 * and of the quoting enclave, all is current, and the quoting enclave is the one that Intel means.
 */
export function checkIntelsWord(list: Checklist, found: Found, context: EvidenceContext): Fact<IntelsWord> {
  const { files, tee, chain, pck, platform, qeReport } = found
  const { used } = context
  const collateral = list.check('collateral', [], () => {
    const all = findDcapCollateral(files)
    const counts = `${all.tcbInfos.length} TCB infos, ${all.qeIdentities.length} identities`
    return passed(`${counts}, ${all.crls.length} revocation lists`, all)
  })
  const rootCrl = list.check('revocation', [collateral, chain, pck], (collateral, { root, issuer }, pck) => {
    const ofRoot = selectCrl(collateral, root, context)
    const ofIssuer = selectCrl(collateral, issuer, context)
    const revoked = [root, issuer].some(certificate => isRevoked(ofRoot.crl, certificate))
    demand(!revoked, 'revoked', "the certificate of the PCK's issuer, or the root itself, is revoked")
    demand(!isRevoked(ofIssuer.crl, pck), 'revoked', `the PCK certificate, serial ${pck.serial}, is revoked`)
    Object.assign(used, { 'root-ca-crl': ofRoot.der, 'pck-crl': ofIssuer.der })
    return passed(`not revoked, as of ${iso(ofIssuer.crl.thisUpdate)}`, ofRoot.crl)
  })
  const signers = list.check(
    'collateral-signer',
    [collateral, chain, rootCrl],
    (collateral, { root }, crl) => {
      const signers = selectSigners(collateral, root, crl, context)
      return passed(`${signers.length} of Intel's certificates for TCB signing`, signers)
    },
  )
  const tcbInfo = list.check('tcb-info', [collateral, platform, signers], (collateral, platform, signers) => {
    const { value, piece } = selectTcbInfo(collateral, tee, platform, signers, context)
    Object.assign(used, { 'tcb-info': piece.bytes, 'tcb-info-signature': piece.signature })
    const { evaluation, issueDate, nextUpdate } = value
    return passed(`evaluation ${evaluation} of ${iso(issueDate)}, good until ${iso(nextUpdate)}`, value)
  })
  const identity = list.check('quoting-enclave-identity', [collateral, signers], (collateral, signers) => {
    const { value, piece } = selectQeIdentity(collateral, tee, signers, context)
    Object.assign(used, { 'qe-identity': piece.bytes, 'qe-identity-signature': piece.signature })
    return passed(`${value.id} of ${iso(value.issueDate)}, good until ${iso(value.nextUpdate)}`, value)
  })
  const enclave = list.check('quoting-enclave', [qeReport, identity], (report, identity) => {
    const quotingEnclave = checkQuotingEnclave(report, identity)
    const detail = `Intel's, version ${report.isvSvn}, ${quotingEnclave.status}`
    return passed(detail, { quotingEnclave, qeSvn: report.isvSvn })
  })
  return combine([tcbInfo, enclave], (tcbInfo, enclave) => ({ tcbInfo, ...enclave }))
}
