import { fromBase64url, toBase64url } from './base64url.ts'
import {
  parseConfig,
  parseIdentity,
  parseOrigin,
  parseParameters,
  parseReceipt,
  parseUsage,
  type ReceiptBundle,
  toJson,
} from './bundle.ts'
import { fromUtf8, type Hex, toHex, utf8 } from './bytes.ts'
import { canonicalJson } from './canonicalJson.ts'
import { messageOf, NacreError } from './errors.ts'
import { type Evidence, parseEvidence } from './evidence.ts'
import type { EnclaveConfig, Identity } from './identity.ts'
import { type Manifest, parseManifest } from './release.ts'
import { arrayOf, hexOf, objectOf, oneOf, type Parser, parseJson, textOf } from './shape.ts'

/** Answers of private inference (docs/inference.md): what comes with them, and what a receipt bundle is made of. */

/** What an answer carries beside itself. */
export type Proof = Pick<ReceiptBundle, 'origin' | 'parameters' | 'receipt' | 'signature' | 'usage'>

/** Header of a proof, and the header of a request's nonce. */
export const RECEIPT_HEADER = 'x-nacre-receipt'
export const NONCE_HEADER = 'x-nacre-nonce'
export const ENCLAVE_HEADER = 'x-nacre-enclave'
export const MODEL_HEADER = 'x-nacre-model'

/** Longest proof, characters of JSON. */
export const MAX_PROOF = 8192

const proofShape = {
  origin: parseOrigin,
  parameters: parseParameters,
  receipt: parseReceipt,
  signature: hexOf(65),
  usage: parseUsage,
}

export const parseProof: Parser<Proof> = objectOf<Proof>(proofShape)

/** Canonical JSON of a proof. */
export function serializeProof(proof: Proof): string {
  return canonicalJson(toJson(proof))
}

/** A proof as the header has it: base64url of its canonical JSON. */
export function encodeProof(proof: Proof): string {
  return toBase64url(utf8(serializeProof(proof)))
}

/** @throws NacreError invalid-proof: no proof, too long, or not canonical */
export function decodeProof(header: string): Proof {
  try {
    if (header.length > 2 * MAX_PROOF) throw new NacreError('too-large', 'it is too long')
    const proof = parseProof(parseJson(fromUtf8(fromBase64url(header)), MAX_PROOF, 'the proof'), 'proof')
    if (encodeProof(proof) === header) return proof
  } catch (cause) {
    throw new NacreError('invalid-proof', `the header is no proof: ${messageOf(cause)}`, { cause })
  }
  throw new NacreError('invalid-proof', 'the header is no proof: its JSON is not canonical')
}

const ANSWER_KINDS = ['chatcmpl', 'cmpl', 'embd'] as const
export type AnswerKind = (typeof ANSWER_KINDS)[number]

/** Id of an answer: it says whom to ask for its receipt. */
export function answerId(kind: AnswerKind, receiptKey: Hex, requestId: Hex): string {
  return `${kind}-${receiptKey.slice(2, 10)}-${requestId.slice(2)}`
}

/** Kind, first digits of the enclave's receipt key, and request id; undefined for what is no answer's id. */
export function parseAnswerId(id: string): { kind: AnswerKind; enclave: string; requestId: Hex } | undefined {
  const [, kind, enclave = '', request] = /^([a-z]+)-([0-9a-f]{8})-([0-9a-f]{64})$/.exec(id) ?? []
  const known = ANSWER_KINDS.find(one => one === kind)
  return known && { kind: known, enclave, requestId: `0x${request}` }
}

/** What an enclave says of itself; nothing of it is verified. `release` is its operator's part. */
export type AttestationReport = {
  model: string
  artifact: Hex
  models: { id: string; artifact: Hex }[]
  engine: string
  identity: Identity
  config: EnclaveConfig
  evidence: Evidence
  evidenceNonce: Hex
  signing_address: Hex
  signing_algo: 'ecdsa'
  release?: { publisher: Hex; manifest: Manifest }
}

const MAX_REPORTS = 64
const parseRelease = objectOf<NonNullable<AttestationReport['release']>>({
  publisher: hexOf(20),
  manifest: value => parseManifest(value),
})
const reportShape = {
  model: textOf(128),
  artifact: hexOf(32),
  models: arrayOf(objectOf<{ id: string; artifact: Hex }>({ id: textOf(128), artifact: hexOf(32) }), 1024),
  engine: textOf(128),
  identity: parseIdentity,
  config: parseConfig,
  evidence: parseEvidence,
  evidenceNonce: hexOf({ max: 64 }),
  signing_address: hexOf(20),
  signing_algo: oneOf('ecdsa'),
}

/** What `GET /v1/receipts/{id}` answers: the proof, and what it is checked with. */
export type AnswerReceipt = Proof &
  Pick<AttestationReport, 'identity' | 'config' | 'evidence' | 'evidenceNonce'>

/** @throws NacreError wrong-type and kin */
export const parseAnswerReceipt: Parser<AnswerReceipt> = objectOf<AnswerReceipt>({
  ...proofShape,
  identity: parseIdentity,
  config: parseConfig,
  evidence: parseEvidence,
  evidenceNonce: hexOf({ max: 64 }),
})

/** One report, without those that a gateway puts beside it. @throws NacreError wrong-type and kin */
export const parseReport: Parser<AttestationReport> = objectOf<
  Omit<AttestationReport, 'release'>,
  Required<Pick<AttestationReport, 'release'>>
>(reportShape, { release: parseRelease })

/** The reports of an answer, each to be parsed by itself: a gateway has those of several operators. */
export function reportsOf(answer: unknown): unknown[] {
  if (typeof answer !== 'object' || answer === null) return []
  const { attestations, ...own } = answer as Record<string, unknown>
  return Array.isArray(attestations) ? attestations.slice(0, MAX_REPORTS) : [own]
}

/**
 * The receipt bundle of an answer. `request` is the body as the enclave had it, `output` the answer's body, of a stream
 * every byte before the receipt's event. Nothing is verified: verifyReceipt does that.
 */
export function answerBundle(options: {
  request: Uint8Array
  output: Uint8Array
  proof: Proof
  attestation: Pick<AttestationReport, 'identity' | 'config' | 'evidence' | 'evidenceNonce'>
  release: { publisher: Hex; manifest: Manifest }
}): ReceiptBundle {
  const { request, output, proof, attestation, release } = options
  const { identity, config, evidence, evidenceNonce } = attestation
  const { chainId, registry } = config
  return {
    ...{ type: 'nacre.receipt', version: 1, chainId, registry },
    ...proof,
    ...{ input: toHex(request), output: toHex(output) },
    ...{ identity, config, evidence, evidenceNonce, release },
  }
}
