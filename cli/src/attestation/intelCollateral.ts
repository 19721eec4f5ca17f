import { fromUtf8, utf8 } from '@nacre/verify'
import { parsePem, parseX509, type X509 } from '@nacre/verify/attest/certificate'
import { parseCrl } from '@nacre/verify/attest/crl'
import { findDcapCollateral, type SignedJson } from '@nacre/verify/attest/dcapCollateral'
import { parsePlatform, SGX_EXTENSION } from '@nacre/verify/attest/pck'
import { parseQeIdentity } from '@nacre/verify/attest/qeIdentity'
import { parseQuote } from '@nacre/verify/attest/quote'
import { parseTcbInfo } from '@nacre/verify/attest/tcbInfo'
import { readCommonName } from '@nacre/verify/attest/x509'
import type { Answer } from './download.ts'
import type { Needs, Services, Wanted } from './services.ts'

type Kind = 'tdx' | 'sgx'

/** Both JSONs are signed by one certificate. */
const SIGNING_CHAIN = 'intel-tcb-signing-chain.pem'

/**
 * What a quote needs of Intel's provisioning certification service (PCS API 4): TCB info of its machine's family,
 * identity of the quoting enclave, and the revocation lists of its PCK certificate's issuer and of the root.
 */
export function intelCollateral(tee: Kind, evidence: Uint8Array, services: Services): Needs {
  const quote = parseQuote(evidence)
  if (quote.tee !== tee) throw new Error(`it is a quote of ${quote.tee.toUpperCase()}`)
  const { fmspc, ca } = machineOf(quote.pckChain)
  const wanted = [
    tcbInfo(tee, fmspc, services),
    qeIdentity(tee, services),
    pckCrl(ca, services),
    rootCrl(services),
  ]
  return { wanted, missing: [] }
}

/** The family of the machine, and which of Intel's two authorities certified its key. */
function machineOf(pckChain: Uint8Array): { fmspc: string; ca: 'platform' | 'processor' } {
  const end = pckChain.findLastIndex(byte => byte !== 0) + 1
  const [pck] = parsePem(fromUtf8(pckChain.subarray(0, end)))
  const { extensions, issuer } = parseX509(pck as Uint8Array)
  const extension = extensions.get(SGX_EXTENSION)
  if (!extension) throw new Error('its PCK certificate does not tell its machine')
  const name = readCommonName(issuer) ?? ''
  const ca = /^Intel SGX PCK (Platform|Processor) CA$/.exec(name)?.[1]
  if (ca === undefined) throw new Error(`its PCK certificate is issued by ${name}, which is not Intel's`)
  return { fmspc: parsePlatform(extension).fmspc, ca: ca === 'Platform' ? 'platform' : 'processor' }
}

function tcbInfo(tee: Kind, fmspc: string, { intel }: Services): Wanted {
  const what = `TCB info of ${tee.toUpperCase()} for FMSPC ${fmspc}`
  return {
    url: `${intel}/${tee}/certification/v4/tcb?fmspc=${fmspc}`,
    what,
    read({ bytes, headers }) {
      const found = parseTcbInfo(textOf(findDcapCollateral(new Map([['', bytes]])).tcbInfos), tee)
      if (found.fmspc !== fmspc) throw new Error(`it is for FMSPC ${found.fmspc}, not ${fmspc}`)
      return {
        [`intel-tcb-info-${tee}-${fmspc}.json`]: bytes,
        [SIGNING_CHAIN]: chainOf(headers, 'tcb-info-issuer-chain'),
      }
    },
  }
}

function qeIdentity(tee: Kind, { intel }: Services): Wanted {
  const id = tee === 'tdx' ? 'TD_QE' : 'QE'
  return {
    url: `${intel}/${tee}/certification/v4/qe/identity`,
    what: `identity of the quoting enclave of ${tee.toUpperCase()}`,
    read({ bytes, headers }) {
      const found = parseQeIdentity(textOf(findDcapCollateral(new Map([['', bytes]])).qeIdentities))
      if (found.id !== id) throw new Error(`it is of ${found.id}, not ${id}`)
      return {
        [`intel-qe-identity-${tee}.json`]: bytes,
        [SIGNING_CHAIN]: chainOf(headers, 'sgx-enclave-identity-issuer-chain'),
      }
    },
  }
}

function pckCrl(ca: string, { intel }: Services): Wanted {
  return {
    url: `${intel}/sgx/certification/v4/pckcrl?ca=${ca}&encoding=der`,
    what: `revocation list of the PCK ${ca} authority`,
    read({ bytes, headers }) {
      const chain = chainOf(headers, 'sgx-pck-crl-issuer-chain')
      requireIssuer(bytes, `Intel SGX PCK ${ca === 'platform' ? 'Platform' : 'Processor'} CA`)
      return { [`intel-pck-${ca}.crl`]: bytes, [`intel-pck-${ca}-chain.pem`]: chain }
    },
  }
}

function rootCrl({ intelRoot }: Services): Wanted {
  return {
    // The name is that of the list, although it does not say so.
    url: `${intelRoot}/IntelSGXRootCA.der`,
    what: "revocation list of Intel's root",
    read({ bytes }: Answer) {
      requireIssuer(bytes, 'Intel SGX Root CA')
      return { 'intel-root-ca.crl': bytes }
    },
  }
}

function requireIssuer(bytes: Uint8Array, wanted: string): void {
  const name = readCommonName(parseCrl(bytes).issuer)
  if (name !== wanted) throw new Error(`it is the list of ${name}, not of ${wanted}`)
}

/** A chain of certificates in PEM, which comes percent-encoded in a header. */
function chainOf(headers: Headers, name: string): Uint8Array {
  const header = headers.get(name)
  if (header === null) throw new Error(`the header ${name} is missing`)
  const pem = decodeURIComponent(header)
  const certificates: X509[] = parsePem(pem).map(der => parseX509(der))
  if (certificates.length < 2) throw new Error(`the header ${name} has no chain up to the root`)
  return utf8(pem.endsWith('\n') ? pem : `${pem}\n`)
}

function textOf([signed]: readonly SignedJson[]): string {
  if (!signed) throw new Error('it is not the JSON that Intel signs')
  return signed.text
}
