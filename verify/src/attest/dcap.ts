import { concat, equalBytes, fromUtf8, toHex } from '../bytes.ts'
import { type Checklist, combine, type Fact, passed } from '../checks.ts'
import type { Attested } from './attested.ts'
import { iso, parsePem, parseX509, type X509 } from './certificate.ts'
import { checkChain, checkPinned } from './certificateChain.ts'
import { demand } from './codes.ts'
import type { CollateralFiles } from './collateral.ts'
import { checkIntelsWord, type IntelsWord } from './dcapCollateralChecks.ts'
import { type EnclaveReport, parseEnclaveReport } from './enclaveReport.ts'
import { type PckChain, type Platform, parsePlatform, SGX_EXTENSION } from './pck.ts'
import { parseQuote, type Quote } from './quote.ts'
import { createVerdict, type EvidenceContext, type Verdict } from './verdict.ts'

/** SHA-256 of the Intel SGX Root CA (https://certificates.trustedservices.intel.com/IntelSGXRootCA.der). */
export const INTEL_SGX_ROOT = '44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3'

/** Intel's id as the vendor of a quoting enclave. */
const INTEL = '0x939a7233f79c4ca9940a0db3957f0607'

/** What Intel's chains of trust establish of a quote: who made it, on which machine, and Intel's word on both. */
export type Established = IntelsWord & { quote: Quote; platform: Platform }

export type QuoteInput = {
  evidence: Uint8Array
  files: CollateralFiles
  tee: Quote['tee']
}

/**
 * Builds the verdict on a quote: the checks that TDX and SGX share ("Intel TDX DCAP: Quote Generation Library and Quote
 * Verification Library", section 4.1.2.4), then `checkReport`, those of the TEE's own report.
 */
export function createQuoteVerdict(
  { evidence, files, tee }: QuoteInput,
  context: EvidenceContext,
  checkReport: (list: Checklist, established: Fact<Established>) => Fact<Attested>,
): Verdict {
  return createVerdict(tee, context, list => {
    const quote = checkFormat(list, evidence, tee)
    const chain = checkRoot(list, quote, context)
    const pck = checkPck(list, chain, context)
    const platform = checkPlatform(list, pck)
    const qeReport = checkSignatures(list, quote, pck, context)
    const word = checkIntelsWord(list, { files, tee, chain, pck, platform, qeReport }, context)
    const established = combine([quote, platform, qeReport, word], (quote, platform, _, word) => ({
      ...word,
      quote,
      platform,
    }))
    return checkReport(list, established)
  })
}

const BODIES = { sgx: 'SGX', td10: 'TDX 1.0', td15: 'TDX 1.5' } as const

function checkFormat(list: Checklist, evidence: Uint8Array, tee: Quote['tee']): Fact<Quote> {
  return list.check('format', [], () => {
    const quote = parseQuote(evidence)
    const { version, vendor, bodyType, padding } = quote
    demand(
      quote.tee === tee,
      'unsupported',
      `a quote of ${quote.tee.toUpperCase()}, not of ${tee.toUpperCase()}`,
    )
    demand(
      toHex(vendor) === INTEL,
      'unsupported',
      () => `a quoting enclave of vendor ${toHex(vendor)}, not Intel`,
    )
    const zeros = padding > 0 ? `, ${padding} zero bytes behind it` : ''
    return passed(`quote of version ${version}, ${BODIES[bodyType]}${zeros}`, quote)
  })
}

function checkRoot(list: Checklist, quote: Fact<Quote>, context: EvidenceContext): Fact<PckChain> {
  const { roots } = context.policy
  return list.check('root', [quote], ({ pckChain }) => {
    const end = pckChain.findLastIndex(byte => byte !== 0) + 1
    const chain = parsePem(fromUtf8(pckChain.subarray(0, end))).map(der => parseX509(der))
    demand(chain.length === 3, 'broken-chain', `${chain.length} certificates, not 3: PCK, issuer, root`)
    const [leaf, issuer, root] = chain as [X509, X509, X509]
    checkPinned(root, { certificates: roots ?? [INTEL_SGX_ROOT] }, context)
    return passed(roots ? 'a root that the policy names' : 'the Intel SGX Root CA', { leaf, issuer, root })
  })
}

function checkPck(list: Checklist, chain: Fact<PckChain>, context: EvidenceContext): Fact<X509> {
  return list.check('certificates', [chain], ({ root, issuer, leaf }) => {
    const pck = checkChain([root, issuer, leaf], context)
    demand(pck.maySign, 'broken-chain', 'the PCK certificate may not sign')
    return passed(`3 certificates, the PCK's valid until ${iso(pck.notAfter)}`, pck)
  })
}

function checkPlatform(list: Checklist, pck: Fact<X509>): Fact<Platform> {
  return list.check('platform', [pck], ({ extensions }) => {
    const extension = extensions.get(SGX_EXTENSION)
    demand(extension !== undefined, 'malformed', 'the PCK certificate does not tell its machine')
    const platform = parsePlatform(extension)
    return passed(`FMSPC ${platform.fmspc}, PCE ${platform.pceId}`, platform)
  })
}

/** The PCK signed the quoting enclave's report, which vouches for the attestation key, which signed the quote. */
function checkSignatures(
  list: Checklist,
  quote: Fact<Quote>,
  pck: Fact<X509>,
  { crypto }: EvidenceContext,
): Fact<EnclaveReport> {
  const report = list.check('quoting-enclave-signature', [quote, pck], (quote, { key }) => {
    const { qeReport, qeSignature } = quote
    const valid = key.type === 'p256' && crypto.verifyEs256(qeReport, qeSignature, key.point)
    demand(valid, 'bad-signature', "the PCK did not sign the quoting enclave's report")
    return passed('the PCK signed the report of the quoting enclave', parseEnclaveReport(qeReport))
  })
  const bound = list.check('attestation-key', [quote, report], ({ attestationKey, qeAuthData }, report) => {
    const vouched = concat(crypto.sha256(concat(attestationKey, qeAuthData)), new Uint8Array(32))
    const same = equalBytes(report.reportData, vouched)
    demand(same, 'wrong-binding', 'the quoting enclave vouches for another attestation key')
    return passed('the quoting enclave vouches for the attestation key')
  })
  const signed = list.check('signature', [quote, bound], ({ signed, signature, attestationKey }) => {
    const valid = crypto.verifyEs256(signed, signature, concat(Uint8Array.of(4), attestationKey))
    demand(valid, 'bad-signature', 'the attestation key did not sign this quote')
    return passed('signed by the attestation key')
  })
  return combine([report, signed], report => report)
}

/** Ids of the machine, for a policy's list of platforms. */
export function machineIds({ platform: { fmspc, ppid, pceId } }: Established): Record<string, string> {
  return { fmspc, ppid, pceId }
}

/** Security versions by Intel's names, for a policy's minimum. */
export function securityVersions({ platform, tcbInfo, qeSvn }: Established): Record<string, number> {
  return {
    ...componentsOf('sgxtcbcomp', platform.sgxSvns),
    pcesvn: platform.pceSvn,
    qeisvsvn: qeSvn,
    tcbEvaluationDataNumber: tcbInfo.evaluation,
  }
}

/** `name01svn` to `name16svn`. */
export function componentsOf(name: string, svns: Iterable<number>): Record<string, number> {
  const entries = [...svns].map((svn, i) => [`${name}${String(i + 1).padStart(2, '0')}svn`, svn])
  return Object.fromEntries(entries)
}
