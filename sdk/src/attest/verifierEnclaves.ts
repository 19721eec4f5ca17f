import {
  abiEncode,
  CASE_KIND,
  concat,
  decodeStatement,
  type EvidenceCase,
  encodeCase,
  fromHex,
  type Hex,
  keccak256,
  NacreError,
  RECEIPT_FIELDS,
  type Receipt,
  type ReceiptBundle,
  recoverSigner,
  requestId,
  STATUS,
  type Statement,
  toHex,
} from '@nacre/verify'
import { type SdkError, sdkError } from '../errors.ts'
import { type HttpOptions, postInfer } from '../operator.ts'

/** Two verifier enclaves' word on evidence: what they state, and the bytes that `VerifierEnclave` takes. */
export type VerdictEvidence = {
  statement: Statement
  /** `evidence` of `EnclaveRegistry.register` for the statement's kind; its `hints` are empty. */
  evidence: Hex
  bundles: [ReceiptBundle, ReceiptBundle]
}

export type VerdictOptions = {
  /** Operators of two verifier enclaves. */
  operators: readonly [HttpOptions, HttpOptions]
  /** SHA-256 of the evidence policy to judge by: the contract's `POLICY`. */
  artifact: Hex
  /** What is to be judged. `time` must not be ahead of the block that registers: take the newest block's. */
  judged: EvidenceCase
}

/** Longest text of a refusal, bytes. */
const MAX_TEXT = 256

/** A bundle, and the nonce that its question had. */
type Answered = { bundle: ReceiptBundle; nonce: Hex; url: string }

/**
 * Asks two verifier enclaves to judge evidence of a TEE that no contract verifies, and makes of their receipts what
 * `VerifierEnclave` verifies (docs/protocol.md, Verifier enclaves). What can be seen without the chain is checked here,
 * so that no gas is lost; whether the enclaves count, the contract decides.
 * @throws NacreError error-answer (an enclave refuses: its text begins with the verdict's code), unverified-answer,
 * unreachable, operator-error, bad-answer, and as encodeCase
 * @example
 * const { evidence } = await verdictEvidence({ operators: [{ url: a }, { url: b }], artifact: policy, judged })
 * await wallet.writeContract({ ...registry, functionName: 'register', args: [3, evidence, '0x', identity, config, anchor] })
 */
export async function verdictEvidence({
  operators,
  artifact,
  judged,
}: VerdictOptions): Promise<VerdictEvidence> {
  const input = encodeCase(judged)
  const ask = async (operator: HttpOptions): Promise<Answered> => {
    const nonce = toHex(crypto.getRandomValues(new Uint8Array(32)))
    const bundle = await postInfer({ ...operator, nonce, artifact, input: toHex(input) })
    return { bundle, nonce, url: operator.url }
  }
  const [one, other] = await Promise.all([ask(operators[0]), ask(operators[1])])
  return assemble({ answers: [one, other], artifact, judged, input })
}

type Assembled = Pick<VerdictOptions, 'artifact' | 'judged'> & {
  answers: readonly [Answered, Answered]
  input: Uint8Array
}

function assemble({ answers, artifact, judged, input }: Assembled): VerdictEvidence {
  const [one, other] = answers.map(answer => ({ ...answer, key: keyOf(answer, artifact, input) })) as [
    Answered & { key: Hex },
    Answered & { key: Hex },
  ]
  const { output, registry, chainId } = one.bundle
  if (other.bundle.output !== output) throw unverified(`${one.url} and ${other.url} state different things`)
  if (one.key === other.key) throw unverified(`${one.url} and ${other.url} are one enclave`)
  if (one.bundle.config.operator === other.bundle.config.operator)
    throw unverified(`${one.url} and ${other.url} are of one operator`)
  if (other.bundle.registry !== registry || other.bundle.chainId !== chainId)
    throw unverified(`${one.url} and ${other.url} are registered in different places`)
  const statement = statementOf(output, judged)
  const [first, second] = one.key < other.key ? [one.bundle, other.bundle] : [other.bundle, one.bundle]
  const evidence = toHex(concat(fromHex(output), signedOf(first), signedOf(second)))
  return { statement, evidence, bundles: [first, second] }
}

/** The key that signed what was asked. */
function keyOf({ bundle, nonce, url }: Answered, artifact: Hex, input: Uint8Array): Hex {
  const { receipt, output, chainId } = bundle
  const id = requestId(chainId, { type: 'client', nonce })
  const asked = receipt.requestId === id && receipt.artifact === artifact
  if (!asked || receipt.inputHash !== keccak256(input))
    throw unverified(`the receipt of ${url} is of another question`)
  const bytes = fromHex(output)
  if (receipt.outputHash !== keccak256(bytes)) throw unverified(`${url} sent another output than it signed`)
  if (receipt.status !== STATUS.ok) {
    const text = new TextDecoder().decode(bytes.subarray(0, MAX_TEXT))
    throw sdkError('error-answer', `The enclave of ${url} refused (status ${receipt.status}): ${text}`)
  }
  return signerOf(bundle, url)
}

function signerOf({ chainId, registry, receipt, signature }: ReceiptBundle, url: string): Hex {
  try {
    return recoverSigner({ chainId, registry }, receipt, signature)
  } catch (cause) {
    throw unverified(`the receipt of ${url} is not signed`, cause)
  }
}

/** What was stated, of the evidence that was asked about. */
function statementOf(output: Hex, { tee, evidence, time }: EvidenceCase): Statement {
  const statement = readStatement(output)
  const { kind, evidenceHash } = statement
  if (kind !== CASE_KIND[tee] || evidenceHash !== keccak256(evidence) || statement.time !== time)
    throw unverified('the statement is about other evidence')
  return statement
}

function readStatement(output: Hex): Statement {
  try {
    return decodeStatement(fromHex(output))
  } catch (cause) {
    if (cause instanceof NacreError) throw unverified(cause.message, cause)
    throw cause
  }
}

/** 15 words, and 65 bytes. */
function signedOf({ receipt, signature }: ReceiptBundle): Uint8Array {
  const words = RECEIPT_FIELDS.map(([field, type]) => [type, receipt[field as keyof Receipt]] as const)
  return concat(abiEncode(...words), fromHex(signature, 65))
}

function unverified(reason: string, cause?: unknown): SdkError {
  const message = `Two verifier enclaves do not vouch for it: ${reason}.`
  return sdkError('unverified-answer', message, cause === undefined ? {} : { cause })
}
