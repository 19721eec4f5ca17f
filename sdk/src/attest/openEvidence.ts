import {
  abiEncode,
  type EvidenceCrypto,
  type Hex,
  keccak256,
  type Measurement,
  measurementDigest,
  parseCertificate,
  sha256,
  type TEE_KIND,
  toHex,
} from '@nacre/verify'
import { nameOf, type X509 } from '@nacre/verify/attest/certificate'
import { decodeSign1 } from '@nacre/verify/attest/cose'
import { decodeDocument } from '@nacre/verify/attest/document'
import { sdkError } from '../errors.ts'
import { type NitroSignature, openNitro } from './nitroHints.ts'

/** Evidence that was taken apart, in what registering it needs. */
export type Opened = {
  tee: 'simulated' | 'nitro'
  moduleId: string
  /** Seconds since 1970. */
  timestamp: bigint
  userData: Hex
  nonce: Hex
  /** As Releases lists it. */
  measurement: Hex
  /** DER, from the root to the leaf. */
  chain: Hex[]
  /** Hashes of what is signed of each, by which Nitro's are revoked. */
  signed: Hex[]
  /** Those below the root. */
  certificates: Certificate[]
  /** What hints are made of; none of simulated evidence. */
  signatures: NitroSignature[]
}

export type Certificate = {
  name: string
  /** Seconds since 1970. */
  notAfter: bigint
  /** By which the chain's verifier keeps it. */
  id: Hex
}

export type OpenedOptions = {
  /** SHA-256 of the DER of the root that the chain's verifier trusts. */
  root: Hex
  /** Seconds since 1970, as of which it must hold. */
  time: bigint
  crypto?: Partial<EvidenceCrypto>
}

const MAX_SIMULATED = 8_192

/**
 * Which TEE's evidence these bytes claim to be: what COSE says in its protected header, ES384 or ES256.
 * @throws NacreError bad-evidence
 */
export function teeOf(evidence: Uint8Array): Opened['tee'] {
  const head = toHex(evidence.subarray(0, 6))
  if (head === '0x8444a1013822') return 'nitro'
  if (head.startsWith('0x8443a10126')) return 'simulated'
  throw sdkError('bad-evidence', 'These bytes are no attestation document, of AWS Nitro or simulated.')
}

/**
 * Takes evidence apart. Of a Nitro document everything is verified first, for hints cost time; simulated evidence costs
 * nothing to send, and the chain says what is wrong with it.
 * @throws NacreError bad-evidence
 */
export function openEvidence(evidence: Uint8Array, options: OpenedOptions): Opened {
  try {
    return teeOf(evidence) === 'nitro' ? ofNitro(evidence, options) : ofSimulated(evidence, options)
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'bad-evidence') throw cause
    const why = cause instanceof Error ? cause.message : String(cause)
    throw sdkError('bad-evidence', `The evidence cannot be read: ${why}.`, { cause })
  }
}

function ofNitro(evidence: Uint8Array, options: OpenedOptions): Opened {
  const { document, chain, signatures } = openNitro(evidence, options)
  const { moduleId, timestamp, pcrs, userData, nonce } = document
  return {
    tee: 'nitro',
    moduleId,
    timestamp: BigInt(timestamp) / 1000n,
    userData: exactly32('user data', userData),
    nonce: exactly32('nonce', nonce),
    measurement: digestOf(
      'nitro',
      [0, 1, 2].map(index => pcrs.get(index) ?? new Uint8Array(0)),
    ),
    chain: chain.map(({ der }) => toHex(der)),
    signed: chain.map(({ signed }) => keccak256(signed)),
    certificates: certificatesOf(chain),
    signatures,
  }
}

function ofSimulated(evidence: Uint8Array, { root }: OpenedOptions): Opened {
  const document = decodeDocument(decodeSign1(evidence, MAX_SIMULATED).payload)
  const { moduleId, timestamp, pcrs, userData, nonce, certificate, cabundle } = document
  const [bundled] = cabundle
  const actual = bundled ? sha256(bundled) : 'none'
  if (actual !== root)
    throw sdkError('bad-evidence', `The evidence is under the root ${actual}; the chain trusts ${root}.`)
  const { commonName = 'no name', notAfter } = parseCertificate(certificate)
  return {
    tee: 'simulated',
    moduleId,
    timestamp: BigInt(timestamp) / 1000n,
    userData: toHex(userData),
    nonce: exactly32('nonce', nonce),
    measurement: digestOf('simulated', pcrs.slice(0, 3)),
    chain: [...cabundle, certificate].map(toHex),
    signed: [],
    certificates: [{ name: `CN=${commonName}`, notAfter, id: sha256(certificate) }],
    signatures: [],
  }
}

/** As NitroVerifier.isCached knows them: by their whole path. */
function certificatesOf([root, ...below]: X509[]): Certificate[] {
  let id = keccak256(root?.der ?? new Uint8Array(0))
  return below.map(({ der, subject, notAfter }) => {
    id = keccak256(abiEncode(['bytes32', id], ['bytes32', keccak256(der)]))
    return { name: nameOf(subject), notAfter, id }
  })
}

function digestOf(kind: keyof typeof TEE_KIND, registers: Uint8Array[]): Hex {
  return measurementDigest({ kind, registers } as Measurement)
}

/** What a registration needs. */
function exactly32(field: string, bytes: Uint8Array | null): Hex {
  if (bytes?.length === 32) return toHex(bytes)
  const found = bytes === null ? 'none' : `${bytes.length} bytes`
  throw sdkError('bad-evidence', `The evidence has ${found} of ${field}: a registration needs 32 bytes.`)
}
