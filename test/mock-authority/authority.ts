import {
  type AttestationDocument,
  type CborMap,
  documentToCbor,
  encodeCbor,
  encodeSign1,
  fromHex,
  type Hex,
  ROOT_NAME,
  sign1Message,
} from '@nacre/verify'
import { highS, type SigningKey, signEs256, signEs384, signingKey } from '../../verify/test/p256.ts'
import { type CertificateFields, issueCertificate } from './certificate.ts'

export type AuthorityOptions = {
  /** Every key is made of it. */
  seed: string
  /** What to break in the root. */
  root?: Partial<CertificateFields>
}

export type EvidenceOptions = {
  /** PCR 0, 1 and 2: three times this. */
  measurement: Uint8Array
  userData: Hex
  nonce: Hex
  /** Seconds. */
  timestamp: bigint
  /** What to break in the leaf certificate, in the document's fields, or in the payload's map. */
  leaf?: Partial<CertificateFields>
  document?: Partial<AttestationDocument>
  map?: (map: CborMap) => void
  /** Sign the leaf, or the document, with a key that is not the right one. */
  leafSigner?: SigningKey
  documentSigner?: SigningKey
  /** Take the valid document's other signature, or sign as AWS Nitro does. */
  signature?: 'high-s' | 'es384'
}

/** Issues valid evidence, and evidence that is broken in one chosen place. */
export type Authority = { root: Uint8Array; issue(options: EvidenceOptions): Uint8Array }

/** The first second of 2026, and ten years. */
const NOT_BEFORE = 1_767_225_600n
const TEN_YEARS = 315_360_000n
const LEAF_LIFETIME = 10_800n

/** A deterministic security module: the same options give the same bytes (RFC 6979). */
export function createAuthority({ seed, root: rootOverrides = {} }: AuthorityOptions): Authority {
  const rootKey = signingKey(`${seed} root`)
  const leafKey = signingKey(`${seed} leaf`)
  const root = issueCertificate(
    {
      serial: 1,
      issuer: ROOT_NAME,
      subject: ROOT_NAME,
      notBefore: NOT_BEFORE,
      notAfter: NOT_BEFORE + TEN_YEARS,
      publicKey: rootKey.publicKey,
      authority: true,
      keyUsage: 0x04,
      ...rootOverrides,
    },
    rootKey,
  )
  const issue = (options: EvidenceOptions): Uint8Array => {
    const certificate = issueCertificate(leafFields(options, leafKey), options.leafSigner ?? rootKey)
    return signDocument(
      options,
      documentOf(options, certificate, root),
      options.documentSigner ?? leafKey,
      seed,
    )
  }
  return { root, issue }
}

function leafFields({ timestamp, leaf }: EvidenceOptions, key: SigningKey): CertificateFields {
  return {
    serial: 2,
    issuer: ROOT_NAME,
    subject: 'simulated-leaf',
    notBefore: timestamp - 3n,
    notAfter: timestamp + LEAF_LIFETIME,
    publicKey: key.publicKey,
    authority: false,
    keyUsage: 0x80,
    ...leaf,
  }
}

function documentOf(
  options: EvidenceOptions,
  certificate: Uint8Array,
  root: Uint8Array,
): AttestationDocument {
  const zeros = Array.from({ length: 13 }, () => new Uint8Array(48))
  return {
    moduleId: 'simulated-authority',
    timestamp: Number(options.timestamp) * 1000,
    pcrs: [options.measurement, options.measurement, options.measurement, ...zeros],
    certificate,
    cabundle: [root],
    userData: fromHex(options.userData),
    nonce: fromHex(options.nonce),
    ...options.document,
  }
}

function signDocument(
  { signature: kind, map: change }: EvidenceOptions,
  document: AttestationDocument,
  key: SigningKey,
  seed: string,
): Uint8Array {
  const map = documentToCbor(document)
  change?.(map)
  const payload = encodeCbor(map)
  if (kind === 'es384') return encodeEs384(payload, seed)
  const signature = signEs256(sign1Message(payload), key)
  return encodeSign1({ payload, signature: kind === 'high-s' ? highS(signature) : signature })
}

/** A document under AWS Nitro's protected header, `{1: -35}`. */
function encodeEs384(payload: Uint8Array, seed: string): Uint8Array {
  const header = fromHex('0xa1013822')
  const message = encodeCbor(['Signature1', header, new Uint8Array(0), payload])
  return encodeCbor([header, new Map(), payload, signEs384(message, seed)])
}
