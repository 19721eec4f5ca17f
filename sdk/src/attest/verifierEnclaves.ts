import { enclaveRegistryAbi, verifierEnclaveAbi } from '@nacre/contracts'
import {
  abiEncode,
  CASE_KIND,
  concat,
  configHash,
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
import type { Abi, PublicClient } from 'viem'
import { type SdkError, sdkError } from '../errors.ts'
import { type HttpOptions, postInfer } from '../operator.ts'
import { explainRevert } from '../revert.ts'
import { asTheyCome } from './asTheyCome.ts'

/** Two verifier enclaves' word on evidence: what they state, and the bytes that `VerifierEnclave` takes. */
export type VerdictEvidence = {
  statement: Statement
  /** `evidence` of `EnclaveRegistry.register` for the statement's kind; its `hints` are empty. */
  evidence: Hex
  /** Of the two, by rising keys. */
  bundles: [ReceiptBundle, ReceiptBundle]
}

export type VerdictOptions = {
  /** Operators of verifier enclaves, at least two: all are asked, and the first two that agree are enough. */
  operators: readonly HttpOptions[]
  /** SHA-256 of the evidence policy to judge by: the contract's `POLICY`. */
  artifact: Hex
  /** What is to be judged. `time` must not be ahead of the block that registers: take the newest block's. */
  judged: EvidenceCase
  /** The contract, asked before gas is spent: of several pairs that agree, the first that it takes. */
  verifier?: { client: Pick<PublicClient, 'readContract'>; address: Hex }
}

/** An enclave's signed word on what was asked. */
type Vote = { bundle: ReceiptBundle; key: Hex; statement: Statement }

/** Longest text of a refusal, bytes. */
const MAX_TEXT = 256

/**
 * Asks verifier enclaves to judge evidence of a TEE that no contract verifies, and makes of two that agree what
 * `VerifierEnclave` verifies (docs/protocol.md, Verifier enclaves). What can be seen without the chain is checked here,
 * so that no gas is lost; whether the enclaves count, the contract decides: name it as `verifier`, or an operator whose
 * enclave does not count may be one of the two.
 * @throws NacreError error-answer (an enclave refuses: its text begins with the verdict's code), unverified-answer,
 * unreachable, operator-error, bad-answer, relay-reverted with the contract's own error, and as encodeCase
 * @example
 * const { evidence } = await verdictEvidence({ operators: [{ url: a }, { url: b }], artifact: policy, judged })
 * await wallet.writeContract({ ...registry, functionName: 'register', args: [3, evidence, '0x', identity, config, anchor] })
 */
export async function verdictEvidence(options: VerdictOptions): Promise<VerdictEvidence> {
  const input = encodeCase(options.judged)
  const votes: Vote[] = []
  const [refusals, failures, differences]: [unknown[], unknown[], string[]] = [[], [], []]
  for await (const [place, answer] of asTheyCome(options.operators.map(one => ask(one, options, input)))) {
    if (answer.status === 'rejected') {
      failures[place] = answer.reason
      continue
    }
    for (const other of votes) {
      const difference = differenceOf(other, answer.value)
      if (difference !== undefined) differences.push(difference)
      else {
        const verdict = assemble([other, answer.value])
        const refusal = options.verifier && (await refusalOf(verdict, options.verifier))
        if (refusal === undefined) return verdict
        refusals.push(refusal)
      }
    }
    votes.push(answer.value)
  }
  const failure = refusals[0] ?? failures.find(reason => reason !== undefined)
  throw failure ?? unverified(differences[0] ?? `of ${votes.length} operators there are no two`)
}

/** The contract's errors, and the registry's that pass through it. */
const CONTRACT: Abi = [...verifierEnclaveAbi, ...enclaveRegistryAbi.filter(({ type }) => type === 'error')]

/** Why the contract does not take it; undefined when it does. */
async function refusalOf(
  { evidence }: VerdictEvidence,
  { client, address }: NonNullable<VerdictOptions['verifier']>,
): Promise<NacreError | undefined> {
  try {
    await client.readContract({ address, abi: CONTRACT, functionName: 'verify', args: [evidence, '0x'] })
    return undefined
  } catch (error) {
    const refusal = explainRevert(error)
    if (refusal instanceof NacreError) return refusal
    throw refusal
  }
}

async function ask(
  operator: HttpOptions,
  { artifact, judged }: VerdictOptions,
  input: Uint8Array,
): Promise<Vote> {
  const nonce = toHex(crypto.getRandomValues(new Uint8Array(32)))
  const bundle = await postInfer({ ...operator, nonce, artifact, input: toHex(input) })
  const { receipt, output, chainId, config } = bundle
  const { url } = operator
  const asked = receipt.requestId === requestId(chainId, { type: 'client', nonce })
  if (!asked || receipt.artifact !== artifact || receipt.inputHash !== keccak256(input))
    throw unverified(`the receipt of ${url} is of another question`)
  if (receipt.configHash !== configHash(config))
    throw unverified(`the receipt of ${url} is of another configuration than the one shown`)
  const bytes = fromHex(output)
  if (receipt.outputHash !== keccak256(bytes)) throw unverified(`${url} sent another output than it signed`)
  if (receipt.status !== STATUS.ok) {
    const text = new TextDecoder().decode(bytes.subarray(0, MAX_TEXT))
    throw sdkError('error-answer', `The enclave of ${url} refused (status ${receipt.status}): ${text}`)
  }
  return { bundle, key: signerOf(bundle, url), statement: statementOf(bytes, judged) }
}

function signerOf({ chainId, registry, receipt, signature }: ReceiptBundle, url: string): Hex {
  try {
    return recoverSigner({ chainId, registry }, receipt, signature)
  } catch (cause) {
    throw unverified(`the receipt of ${url} is not signed`, cause)
  }
}

/** What was stated, of the evidence that was asked about. */
function statementOf(output: Uint8Array, { tee, evidence, time }: EvidenceCase): Statement {
  const statement = readStatement(output)
  const { kind, evidenceHash } = statement
  if (kind !== CASE_KIND[tee] || evidenceHash !== keccak256(evidence) || statement.time !== time)
    throw unverified('the statement is about other evidence')
  return statement
}

function readStatement(output: Uint8Array): Statement {
  try {
    return decodeStatement(output)
  } catch (cause) {
    if (cause instanceof NacreError) throw unverified(cause.message, cause)
    throw cause
  }
}

/** Why two votes are not two enclaves of two operators that agree; undefined when they are. */
function differenceOf(
  { bundle: one, key }: Vote,
  { bundle: other, key: otherKey }: Vote,
): string | undefined {
  if (one.output !== other.output) return 'they state different things'
  if (key === otherKey) return 'they are one enclave'
  if (one.config.operator === other.config.operator) return 'they are of one operator'
  if (one.registry !== other.registry || one.chainId !== other.chainId)
    return 'they are registered in different places'
  return undefined
}

function assemble([one, other]: readonly [Vote, Vote]): VerdictEvidence {
  const [first, second] = one.key < other.key ? [one, other] : [other, one]
  const bundles: [ReceiptBundle, ReceiptBundle] = [first.bundle, second.bundle]
  const evidence = toHex(concat(fromHex(first.bundle.output), ...bundles.map(signedOf)))
  return { statement: first.statement, evidence, bundles }
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
