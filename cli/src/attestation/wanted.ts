import { fromUtf8, type Tee } from '@nacre/verify'
import { nameOf, parsePem, parseX509 } from '@nacre/verify/attest/certificate'
import { parseDstackBundle } from '@nacre/verify/attest/dstackBundle'
import { parsePlatform, SGX_EXTENSION } from '@nacre/verify/attest/pck'
import { parseQuote } from '@nacre/verify/attest/quote'
import { decodeTcb, lineOfCpuid, type ProductLine } from '@nacre/verify/attest/snpProduct'
import { parseSnpReport, type SnpReport } from '@nacre/verify/attest/snpReport'
import { hex } from './explain.ts'

/** Where vendors publish collateral: the services' addresses, which a cache or a test may replace. */
export type Services = { intel: string; intelRoot: string; amd: string }

export const SERVICES: Services = {
  intel: 'https://api.trustedservices.intel.com',
  intelRoot: 'https://certificates.trustedservices.intel.com',
  amd: 'https://kdsintf.amd.com',
}

/** A file to fetch: how it is called here, its address, and a header with the chain of who signed it. */
export type Wanted = { name: string; url: string; chain?: { header: string; name: string } }

/**
 * What a verifier of this evidence needs of its vendor's service. Nitro's documents need nothing.
 * @throws Error for evidence that is malformed, or whose service does not say what is needed
 */
export function collateralOf(tee: Tee, evidence: Uint8Array, services: Services): Wanted[] {
  if (tee === 'tdx' || tee === 'sgx') return ofQuote(evidence, services)
  if (tee === 'dstack') return ofQuote(parseDstackBundle(evidence).quote, services)
  if (tee === 'snp') return ofReport(parseSnpReport(evidence), services)
  throw new Error(`evidence of ${tee} needs nothing that a service here has`)
}

/** Intel, "Provisioning Certification Service", API version 4 (https://api.portal.trustedservices.intel.com). */
function ofQuote(evidence: Uint8Array, { intel, intelRoot }: Services): Wanted[] {
  const { tee, pckChain } = parseQuote(evidence)
  const [pck] = parsePem(fromUtf8(pckChain).replaceAll('\0', '')).map(der =>
    parseX509(der, { known: [SGX_EXTENSION] }),
  )
  const extension = pck?.extensions.get(SGX_EXTENSION)
  if (!pck || !extension) throw new Error('the quote has no PCK certificate')
  const { fmspc } = parsePlatform(extension)
  const ca = nameOf(pck.issuer).includes('Platform') ? 'platform' : 'processor'
  const api = (of: string): string => `${intel}/${of}/certification/v4`
  return [
    { name: 'intel-root.crl', url: `${intelRoot}/IntelSGXRootCA.der` },
    { name: `intel-pck-${ca}.crl`, url: `${api('sgx')}/pckcrl?ca=${ca}&encoding=der` },
    {
      name: `intel-${tee}-tcb-${fmspc}.json`,
      url: `${api(tee)}/tcb?fmspc=${fmspc}`,
      chain: { header: 'TCB-Info-Issuer-Chain', name: `intel-${tee}-tcb-chain.pem` },
    },
    {
      name: `intel-${tee}-qe-identity.json`,
      url: `${api(tee)}/qe/identity`,
      chain: { header: 'SGX-Enclave-Identity-Issuer-Chain', name: `intel-${tee}-qe-chain.pem` },
    },
  ]
}

/** AMD, "VCEK Certificate and KDS Interface Specification" (57230), chapter 4. A VLEK's certificate is the cloud's to give. */
function ofReport(report: SnpReport, { amd }: Services): Wanted[] {
  const line = report.cpuid && lineOfCpuid(report.cpuid)
  if (!line)
    throw new Error(
      'the report does not say its product line, as before version 3: fetch its certificates by hand',
    )
  const kind = report.signingKey
  const base = `${amd}/${kind}/v1/${line}`
  const issuers: Wanted[] = [
    { name: `amd-${kind}-${line}-chain.pem`, url: `${base}/cert_chain` },
    { name: `amd-${kind}-${line}.crl`, url: `${base}/crl` },
  ]
  return kind === 'vlek' ? issuers : [...issuers, vcekOf(report, line, base)]
}

function vcekOf({ chipId, tcb }: SnpReport, line: ProductLine, base: string): Wanted {
  if (chipId.every(byte => byte === 0))
    throw new Error('the host masks the id of the chip: ask it for the certificate')
  const id = hex(line === 'Turin' ? chipId.subarray(0, 8) : chipId)
  const { fmc, bootloader, tee, snp, microcode } = decodeTcb(tcb.reported, line)
  const levels = {
    ...(fmc !== undefined && { fmcSPL: fmc }),
    blSPL: bootloader,
    teeSPL: tee,
    snpSPL: snp,
    ucodeSPL: microcode,
  }
  const query = Object.entries(levels).map(([name, level]) => `${name}=${String(level).padStart(2, '0')}`)
  return {
    name: `amd-vcek-${id.slice(0, 16)}-${hex(tcb.reported)}.der`,
    url: `${base}/${id}?${query.join('&')}`,
  }
}
