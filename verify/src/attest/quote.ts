import { NacreError } from '../errors.ts'
import { demand } from './codes.ts'
import { createReader, type Reader } from './reader.ts'

// Intel's DCAP quotes: "Intel SGX ECDSA Quote Library API" (version 3), and "Intel TDX DCAP: Quote Generation Library
// and Quote Verification Library" (versions 4 and 5), both in appendix A. Everything is little-endian.

/** A quote taken apart. Nothing of it is checked but its format; all bytes are views of the quote. */
export type Quote = {
  version: 3 | 4 | 5
  tee: 'sgx' | 'tdx'
  /** Of the quoting enclave's vendor. */
  vendor: Uint8Array
  /** The report of the TEE, and whether a TD's has the fields of TDX 1.5. */
  body: Uint8Array
  bodyType: 'sgx' | 'td10' | 'td15'
  /** Header and body: what the attestation key signed. */
  signed: Uint8Array
  /** ECDSA over P-256: r|s, 64 bytes, and the attestation key x|y, 64 bytes. */
  signature: Uint8Array
  attestationKey: Uint8Array
  /** The report of the quoting enclave (384 bytes), which the machine's PCK signed. */
  qeReport: Uint8Array
  qeSignature: Uint8Array
  qeAuthData: Uint8Array
  /** PEM: the PCK certificate, its issuer, the root. */
  pckChain: Uint8Array
  /** Zero bytes behind the quote: real ones fill the buffer of the largest quote. */
  padding: number
}

/** Real quotes have 4 to 5 kB; buffers for them are larger. */
export const MAX_QUOTE = 16_384

const ECDSA_P256 = 2
const TEES = { 0: 'sgx', 129: 'tdx' } as const
const BODIES = {
  1: { type: 'sgx', tee: 'sgx', size: 384 },
  2: { type: 'td10', tee: 'tdx', size: 584 },
  3: { type: 'td15', tee: 'tdx', size: 648 },
} as const
type Body = (typeof BODIES)[keyof typeof BODIES]

/** Certification data: the PCK's certificate chain in PEM; and what wraps the quoting enclave's report since version 4. */
const PCK_CHAIN = 5
const QE_REPORT = 6

/**
 * Takes a quote apart: version 3 of SGX, 4 and 5 of SGX and TDX.
 * Fails with too-large, malformed (lengths that do not fit, bytes behind the quote that are not zero), unsupported
 * (another version, key, TEE, report or certification data).
 */
export function parseQuote(bytes: Uint8Array): Quote {
  if (bytes.length > MAX_QUOTE) {
    throw new NacreError('too-large', `quote of ${bytes.length} bytes, at most ${MAX_QUOTE}`)
  }
  const reader = createReader(bytes)
  const { version, tee, vendor } = readHeader(reader)
  const { type, size } = readBodyType(reader, version, tee)
  const body = reader.take(size, 'the report')
  const signed = bytes.subarray(0, reader.offset())
  const signatures = readSignatures(version, reader.take(reader.u32('a size'), 'the signatures'))
  const rest = reader.rest()
  if (rest.some(byte => byte !== 0)) throw invalid(`${rest.length} bytes behind it are not all zero`)
  return { version, tee, vendor, body, bodyType: type, signed, ...signatures, padding: rest.length }
}

function readHeader(reader: Reader): Pick<Quote, 'version' | 'tee' | 'vendor'> {
  const version = reader.u16('the version')
  const known = version === 3 || version === 4 || version === 5
  demand(known, 'unsupported', `quote of version ${version}, known: 3, 4, 5`)
  const keyType = reader.u16('the type of key')
  const isEcdsa = keyType === ECDSA_P256
  demand(isEcdsa, 'unsupported', `attestation key of type ${keyType}, known: 2, ECDSA over P-256`)
  const teeType = reader.u32('the TEE')
  const tee = Object.hasOwn(TEES, teeType) ? TEES[teeType as keyof typeof TEES] : undefined
  demand(tee !== undefined, 'unsupported', `TEE 0x${teeType.toString(16)}, known: 0 (SGX), 0x81 (TDX)`)
  demand(tee === 'sgx' || version > 3, 'unsupported', 'version 3 is of SGX only')
  // Version 3 has the security versions of the quoting and the provisioning enclave here, others zeros: neither is
  // trusted, for the enclave's own report and the PCK's certificate tell them.
  reader.take(4, 'the header')
  const vendor = reader.take(16, 'the vendor')
  reader.take(20, "the vendor's data")
  return { version, tee, vendor }
}

function readBodyType(reader: Reader, version: number, tee: Quote['tee']): Body {
  if (version < 5) return tee === 'sgx' ? BODIES[1] : BODIES[2]
  const type = reader.u16('the type of report')
  const size = reader.u32('the size of the report')
  const body = Object.hasOwn(BODIES, type) ? BODIES[type as keyof typeof BODIES] : undefined
  demand(body?.tee === tee, 'unsupported', `a report of type ${type}, which is none of ${tee.toUpperCase()}`)
  if (body.size !== size) throw invalid(`a report of type ${type} has ${body.size} bytes, not ${size}`)
  return body
}

type Signatures = Pick<
  Quote,
  'signature' | 'attestationKey' | 'qeReport' | 'qeSignature' | 'qeAuthData' | 'pckChain'
>

function readSignatures(version: number, bytes: Uint8Array): Signatures {
  const reader = createReader(bytes)
  const signature = reader.take(64, 'the signature')
  const attestationKey = reader.take(64, 'the attestation key')
  if (version === 3) return { signature, attestationKey, ...readQe(reader) }
  const wrapped = readCertification(reader, QE_REPORT)
  return { signature, attestationKey, ...readQe(createReader(wrapped)) }
}

function readQe(reader: Reader): Omit<Signatures, 'signature' | 'attestationKey'> {
  return {
    qeReport: reader.take(384, "the quoting enclave's report"),
    qeSignature: reader.take(64, "the PCK's signature"),
    qeAuthData: reader.take(reader.u16('a size'), 'the authentication data'),
    pckChain: readCertification(reader, PCK_CHAIN),
  }
}

/** The last field of what it is in. */
function readCertification(reader: Reader, wanted: number): Uint8Array {
  const type = reader.u16('the type of certification data')
  demand(type === wanted, 'unsupported', `certification data of type ${type}, known here: ${wanted}`)
  const data = reader.take(reader.u32('a size'), 'the certification data')
  if (reader.rest().length > 0) throw invalid('more follows the certification data')
  return data
}

function invalid(reason: string): NacreError {
  return new NacreError('invalid-evidence', `not a quote: ${reason}`)
}
