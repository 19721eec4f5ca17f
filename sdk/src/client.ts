import {
  type Check,
  type CryptoProvider,
  decodeTensor,
  encodeTensor,
  fromHex,
  type Hex,
  NacreError,
  nobleCrypto,
  type Policy,
  type ReceiptBundle,
  STATUS,
  type Tensor,
  toHex,
  type Verification,
  verifyReceipt,
} from '@nacre/verify'
import { type Attested, verifyAttestation } from './attest.ts'
import { sdkError } from './errors.ts'
import { getAttestation, type HttpOptions, postInfer } from './operator.ts'
import type { Payer } from './payer.ts'
import { withDevelopmentRoot } from './policy.ts'

export type ClientOptions = HttpOptions & {
  /** Releases and assurance that you accept; a publisher's name counts on chains alone. */
  policy: Policy
  /** DER of a simulated security module's root: accepts SIMULATED evidence of this root. Development only. */
  developmentRoot?: Uint8Array
  /** Faster primitives; default: noble. */
  crypto?: Partial<CryptoProvider>
  /** Pays for answers: `createPayer`. */
  payer?: Payer
  /** Unix time in seconds; default: this machine's clock. */
  now?: () => bigint
}

/** A verified answer. */
export type Answer = { output: Tensor; bundle: ReceiptBundle; verification: Verification }
/** The same of an artifact that takes and gives files: their bytes. */
export type FileAnswer = Omit<Answer, 'output'> & { output: Uint8Array }

export type Client = {
  /**
   * Checks what runs at the operator now, under a fresh nonce, before anything is sent to it.
   * @throws NacreError unverified-answer with the checks that failed, unreachable, bad-answer
   */
  attest(): Promise<Attested>
  /**
   * Asks under a fresh nonce; the answer is returned only when verifyReceipt accepts it.
   * @throws NacreError unverified-answer, error-answer (a signed refusal), unreachable, operator-error, bad-answer
   */
  infer(question: { artifact: Hex; input: Tensor }): Promise<Answer>
  /**
   * The same for an artifact whose input is a file, such as a picture or a proof (docs/protocol.md, Artifact); what comes back are
   * the output's bytes.
   * @throws NacreError as infer does
   */
  inferFile(question: { artifact: Hex; input: Uint8Array }): Promise<FileAnswer>
}

/**
 * A client of one operator. Every answer carries its own evidence over a nonce made here; no verdict is kept from one
 * answer to the next.
 *
 * @example
 * const client = createClient({ url, policy: { ...DEFAULT_POLICY, releases: [releaseId] } })
 * const { output, verification } = await client.infer({ artifact, input })
 */
export function createClient(options: ClientOptions): Client {
  const { developmentRoot } = options
  const policy = developmentRoot ? withDevelopmentRoot(options.policy, developmentRoot) : options.policy
  const time = options.now ?? (() => BigInt(Math.floor(Date.now() / 1000)))
  const crypto = options.crypto && { crypto: options.crypto }

  async function attest(): Promise<Attested> {
    const nonce = freshNonce()
    const answer = await getAttestation({ ...options, nonce })
    const attested = verifyAttestation(answer, { policy, nonce, time: time(), ...crypto })
    if (!attested.ok) throw unverified(options.url, attested.checks)
    return attested
  }

  /** A question that is paid for is asked twice if the first try has no answer: under the same voucher it costs once. */
  async function ask(question: { nonce: Hex; artifact: Hex; input: Hex }): Promise<ReceiptBundle> {
    const { payer } = options
    if (!payer) return postInfer({ ...options, ...question })
    return payer.pay(options, question, payment => {
      const post = () => postInfer({ ...options, ...question, payment })
      return post().catch(error => {
        if (error instanceof NacreError && error.code === 'unreachable') return post()
        throw error
      })
    })
  }

  async function infer({ artifact, input }: { artifact: Hex; input: Tensor }): Promise<Answer> {
    const { output, ...answer } = await inferFile({ artifact, input: encodeTensor(input) })
    return { output: decodeTensor(output), ...answer }
  }

  async function inferFile({ artifact, input }: { artifact: Hex; input: Uint8Array }): Promise<FileAnswer> {
    const nonce = freshNonce()
    const bundle = await ask({ nonce, artifact, input: toHex(input) })
    const inputHash = toHex((options.crypto?.keccak256 ?? nobleCrypto.keccak256)(input))
    const expect = { clientNonce: nonce, evidenceNonce: nonce, artifact, input: inputHash }
    const verification = verifyReceipt(bundle, policy, { time: time(), expect, ...crypto })
    if (!verification.ok) throw unverified(options.url, verification.checks)
    if (options.payer) checkPrice(options.payer, bundle)
    return { output: outputOf(bundle), bundle, verification }
  }

  return { attest, infer, inferFile }
}

/** The receipt's own price, which verifyReceipt has checked, is what the voucher allows. */
function checkPrice({ maxPrice, token }: Payer, { usage }: ReceiptBundle): void {
  if (usage.token === token && usage.price <= maxPrice) return
  throw sdkError(
    'unverified-answer',
    `The answer costs ${usage.price} in token ${usage.token}; at most ${maxPrice} in ${token} was agreed.`,
  )
}

/** 32 bytes from the platform's generator. */
function freshNonce(): Hex {
  return toHex(crypto.getRandomValues(new Uint8Array(32)))
}

/** The verified output of a bundle, or the enclave's signed refusal as an error. */
function outputOf(bundle: ReceiptBundle): Uint8Array {
  const bytes = fromHex(bundle.output)
  if (bundle.receipt.status === STATUS.ok) return bytes
  throw sdkError(
    'error-answer',
    `The enclave refused (status ${bundle.receipt.status}): ${new TextDecoder().decode(bytes)}`,
  )
}

function unverified(url: string, checks: Check[]): Error {
  const failed = checks.filter(check => !check.ok).map(check => `${check.name}: ${check.detail}`)
  return sdkError('unverified-answer', `What ${url} sent does not verify: ${failed.join('; ')}.`)
}
