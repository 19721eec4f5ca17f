import {
  concat,
  DEFAULT_EVIDENCE_POLICY,
  defaultEvidenceCrypto,
  type EvidenceCrypto,
  type Hex,
  verifyNitro,
} from '@nacre/verify'
import { iso, nameOf, parseX509, type X509 } from '@nacre/verify/attest/certificate'
import { decodeSign1, ES384, sign1Message } from '@nacre/verify/attest/cose'
import { MAX_NITRO_EVIDENCE } from '@nacre/verify/attest/nitro'
import { decodeNitroDocument, type NitroDocument } from '@nacre/verify/attest/nitroDocument'
import { sdkError } from '../errors.ts'
import { sha384Midstate } from './midstate.ts'
import { proveP384 } from './p384/hint.ts'

/** One ECDSA signature of a document or of its chain: what the contract NitroVerifier has shown to it. */
export type NitroSignature = {
  /** Who signed, for people. */
  name: string
  /** What is signed: a certificate's signed part, or the document's Sig_structure. */
  message: Uint8Array
  /** e | r | s | qx | qy, 48 bytes each; e is SHA-384 of the message (docs/p384-soundness.md). */
  statement: Uint8Array
}

/** A document that verifies, taken apart. */
export type NitroEvidence = {
  document: NitroDocument
  /** From the root to the leaf. */
  chain: X509[]
  /** In the order of hints: certificates from below the root to the leaf, then the document. */
  signatures: NitroSignature[]
}

export type OpenOptions = {
  /** SHA-256 of the root certificate's DER. */
  root: Hex
  /** Seconds since 1970: everything must be valid then. */
  time: bigint
  crypto?: Partial<EvidenceCrypto>
}

export type ProveOptions = {
  /** After each signature. */
  onProgress?: (done: number, of: number) => void
  /** Stops the work between two signatures. */
  signal?: AbortSignal
}

/**
 * The hints of NitroVerifier.verify: one for each certificate that is not cached, and the document's. A signature takes
 * a fraction of a second; between two of them other work gets its turn.
 * @param options.cached one flag for each certificate below the root, in the order of the chain
 * @throws NacreError bad-evidence
 *
 * @example
 * const hints = await nitroHints({ evidence, cached: [true, true, true, false], root, time })
 */
export async function nitroHints(
  options: OpenOptions & ProveOptions & { evidence: Uint8Array; cached: readonly boolean[] },
): Promise<Uint8Array> {
  const { signatures } = openNitro(options.evidence, options)
  if (options.cached.length !== signatures.length - 1)
    throw sdkError(
      'bad-evidence',
      `${options.cached.length} flags were given for ${signatures.length - 1} certificates below the root.`,
    )
  const wanted = signatures.map((_, i) => i).filter(i => options.cached[i] !== true)
  const hints = await proveSignatures(signatures, wanted, options)
  return encodeHints(signatures.map((_, i) => hints.get(i)))
}

/**
 * Verifies a document, so that no time is spent on one that the chain would refuse for its form, its chain or a
 * signature, and takes it apart.
 * @throws NacreError bad-evidence with the checks that failed
 */
export function openNitro(evidence: Uint8Array, { root, time, crypto = {} }: OpenOptions): NitroEvidence {
  const policy = { ...DEFAULT_EVIDENCE_POLICY, roots: [root] }
  const verdict = verifyNitro(evidence, undefined, time, policy, crypto)
  const failed = verdict.checks.filter(check => !check.ok)
  if (!verdict.ok) {
    const why = failed.map(({ name, detail }) => `${name}: ${detail}`).join('; ')
    const trusted = verdict.code === 'untrusted-root' ? ` The root that is trusted here: ${root}.` : ''
    throw sdkError(
      'bad-evidence',
      `The evidence is refused (${verdict.code}) as of ${iso(time)}. ${why}.${trusted}`,
    )
  }
  const { payload, signature } = decodeSign1(evidence, MAX_NITRO_EVIDENCE, ES384)
  const document = decodeNitroDocument(payload)
  const chain = [...document.cabundle, document.certificate].map(der => parseX509(der))
  const { sha384 } = { ...defaultEvidenceCrypto, ...crypto }
  const signed = (name: string, message: Uint8Array, rs: Uint8Array, by: X509): NitroSignature => ({
    name,
    message,
    statement: concat(sha384(message), rs, pointOf(by)),
  })
  const certificates = chain
    .slice(1)
    .map((one, i) => signed(nameOf(one.subject), one.signed, one.signature, chain[i] as X509))
  const last = signed('the document', sign1Message(payload, ES384), signature, chain.at(-1) as X509)
  return { document, chain, signatures: [...certificates, last] }
}

/** Hints by position, of the signatures that are wanted. @throws NacreError invalid-signature */
export async function proveSignatures(
  signatures: readonly NitroSignature[],
  wanted: readonly number[],
  { onProgress = () => {}, signal }: ProveOptions = {},
): Promise<Map<number, Uint8Array>> {
  const hints = new Map<number, Uint8Array>()
  onProgress(0, wanted.length)
  for (const position of wanted) {
    await turnOfOthers()
    signal?.throwIfAborted()
    const { message, statement } = signatures[position] as NitroSignature
    hints.set(position, concat(sha384Midstate(message), proveP384(statement)))
    onProgress(hints.size, wanted.length)
  }
  return hints
}

const MAX_HINT = 0xffff

/** Each hint behind its length, u16 big-endian; length zero where there is none. */
export function encodeHints(hints: readonly (Uint8Array | undefined)[]): Uint8Array {
  return concat(
    ...hints.flatMap((hint = new Uint8Array(0)) => {
      if (hint.length > MAX_HINT) throw new RangeError(`a hint of ${hint.length} bytes`)
      return [Uint8Array.of(hint.length >> 8, hint.length & 0xff), hint]
    }),
  )
}

/** x | y of a key that verified a signature: on P-384, uncompressed. */
function pointOf({ key }: X509): Uint8Array {
  if (key.type !== 'p384') throw sdkError('bad-evidence', 'A key of the chain is not on P-384.')
  return key.point.subarray(1)
}

/** A page paints, a signal arrives. */
function turnOfOthers(): Promise<void> {
  return new Promise(resolve => setTimeout(resolve))
}
