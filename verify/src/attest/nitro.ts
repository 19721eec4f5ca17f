import { toHex } from '../bytes.ts'
import { type Checklist, combine, type Fact, passed } from '../checks.ts'
import type { Attested } from './attested.ts'
import { iso, nameOf, parseX509, type X509 } from './certificate.ts'
import { type ChainContext, checkChain, checkPinned } from './certificateChain.ts'
import { demand } from './codes.ts'
import { decodeSign1, ES384, sign1Message } from './cose.ts'
import type { EvidenceCrypto } from './crypto.ts'
import { DEFAULT_EVIDENCE_POLICY, type EvidencePolicy } from './evidencePolicy.ts'
import { decodeNitroDocument, MAX_PAYLOAD, type NitroDocument } from './nitroDocument.ts'
import { createContext, createVerdict, type EvidenceContext, type Verdict } from './verdict.ts'

/** SHA-256 of AWS's root certificate G1 (https://docs.aws.amazon.com/enclaves/latest/user/verify-root.html). */
export const AWS_NITRO_ROOT = '641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b'

/** The payload, and the rest of a COSE_Sign1 document. */
export const MAX_NITRO_EVIDENCE: number = MAX_PAYLOAD + 128

/** How far the document's clock may be ahead of the caller's, seconds. */
const CLOCK_SKEW = 5n

/**
 * Verifies an attestation document of AWS Nitro Enclaves (aws-nitro-enclaves-nsm-api, docs/attestation_process.md):
 * COSE_Sign1 over ES384, the certificates up to AWS's root as of `time`, in seconds since 1970, and what the policy
 * wants. It needs no collateral: AWS says not to check for revocation, its certificates live for hours.
 *
 * Documents are no replay key: of each there is a twin with the other s, which is valid too.
 *
 * Never throws for bad evidence.
 * @throws NacreError as createContext, for a time or policy that is malformed
 */
export function verifyNitro(
  evidence: Uint8Array,
  _collateral: unknown,
  time: bigint,
  policy: EvidencePolicy = DEFAULT_EVIDENCE_POLICY,
  provider: Partial<EvidenceCrypto> = {},
): Verdict {
  const context = createContext(time, policy, provider)
  return createVerdict('nitro', context, list => authenticate(list, evidence, context))
}

/** A document as it came: what was signed, and by what. */
export type SignedDocument = NitroDocument & { payload: Uint8Array; signature: Uint8Array }

function authenticate(list: Checklist, evidence: Uint8Array, context: EvidenceContext): Fact<Attested> {
  const { time, policy } = context
  const document = list.check('format', [], () => readDocument(evidence))
  const chain = list.check('root', [document], document => checkRoot(document, policy.roots, context))
  const leaf = list.check('certificates', [chain], chain => checkCertificates(chain, context))
  const signed = list.check('signature', [document, leaf], (document, leaf) =>
    checkSignature(document, leaf, context),
  )
  const made = list.check('document-time', [document, leaf], ({ timestamp }, leaf) =>
    checkDocumentTime(timestamp, leaf, time),
  )
  return combine([document, signed, made], (document, _, timestamp) => attestedBy(document, timestamp))
}

type Passed<T> = ReturnType<typeof passed<T>>

// The checks of a document, which verifyReceipt makes too. Each fails by throwing.

export function readDocument(evidence: Uint8Array): Passed<SignedDocument> {
  const { payload, signature } = decodeSign1(evidence, MAX_NITRO_EVIDENCE, ES384)
  const document = decodeNitroDocument(payload)
  const told = `COSE_Sign1, ES384, ${document.moduleId}, ${document.pcrs.size} PCRs`
  return passed(told, { ...document, payload, signature })
}

/** `roots`: SHA-256, hex, of those that the caller names in the place of AWS's. The chain, of which only the root is checked. */
export function checkRoot(
  { cabundle, certificate }: NitroDocument,
  roots: readonly string[] | undefined,
  context: ChainContext,
): Passed<X509[]> {
  const chain = [...cabundle, certificate].map(der => parseX509(der))
  checkPinned(chain[0] as X509, { certificates: roots ?? [AWS_NITRO_ROOT] }, context)
  return passed(roots ? 'a root that the policy names' : 'the root of AWS Nitro Enclaves, G1', chain)
}

/** The leaf of a chain that holds at the context's time. */
export function checkCertificates(chain: X509[], context: ChainContext): Passed<X509> {
  for (const certificate of chain) checkAlgorithm(certificate)
  const leaf = checkChain(chain, context)
  demand(leaf.maySign, 'broken-chain', 'the leaf certificate may not sign documents')
  return passed(`${chain.length} certificates, the leaf valid until ${iso(leaf.notAfter)}`, leaf)
}

export function checkSignature(
  { payload, signature }: SignedDocument,
  { key }: X509,
  { crypto }: ChainContext,
): ReturnType<typeof passed> {
  const message = sign1Message(payload, ES384)
  const valid = key.type === 'p384' && crypto.verifyEs384(message, signature, key.point)
  demand(valid, 'bad-signature', 'the leaf certificate did not sign this document')
  return passed('signed by the leaf certificate')
}

/** AWS's certificates are of one kind, as the document is: one on a weaker curve is none of them. Fails with broken-chain. */
function checkAlgorithm({ subject, algorithm, key }: X509): void {
  const isEs384 = algorithm === 'es384' && key.type === 'p384'
  demand(isEs384, 'broken-chain', () => `${nameOf(subject)} is not of ES384 and P-384`)
}

/**
 * The module signs its own time, in milliseconds: it must be one at which the leaf was valid, and not one that is
 * still to come. The result is in seconds. Fails with wrong-binding, not-yet-valid.
 */
export function checkDocumentTime(milliseconds: number, leaf: X509, time: bigint): Passed<bigint> {
  const timestamp = BigInt(milliseconds) / 1000n
  const inside = leaf.notBefore <= timestamp && timestamp <= leaf.notAfter
  demand(inside, 'wrong-binding', `made at ${iso(timestamp)}, outside its certificate's validity`)
  const past = timestamp <= time + CLOCK_SKEW
  demand(past, 'not-yet-valid', `made at ${iso(timestamp)}, after ${iso(time)}`)
  return passed(`made at ${iso(timestamp)}`, timestamp)
}

function attestedBy(
  { pcrs, moduleId, userData, publicKey, nonce }: SignedDocument,
  timestamp: bigint,
): Attested {
  const registers = [...pcrs].sort(([a], [b]) => a - b).map(([index, pcr]) => [`pcr${index}`, hex(pcr)])
  return {
    measurements: Object.fromEntries(registers),
    reportData: userData ? hex(userData) : null,
    publicKey: publicKey ? hex(publicKey) : null,
    nonce: nonce ? hex(nonce) : '',
    timestamp,
    tcbStatus: null,
    tcb: {},
    advisories: [],
    debug: isDebug(pcrs),
    partial: null,
    platform: { moduleId },
  }
}

/**
 * In debug mode PCR 0, 1 and 2 are zero, while PCR3 and PCR4 are not: each of the three is looked at by itself. One
 * that is absent counts as zero, for a document without it says nothing about the image.
 */
export function isDebug(pcrs: NitroDocument['pcrs']): boolean {
  return [0, 1, 2].some(index => pcrs.get(index)?.every(byte => byte === 0) ?? true)
}

function hex(bytes: Uint8Array): string {
  return toHex(bytes).slice(2)
}
