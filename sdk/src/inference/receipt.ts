import {
  type Hex,
  nobleCrypto,
  type ReceiptBundle,
  toHex,
  type Verification,
  verifyReceipt,
  ZERO_ADDRESS,
} from '@nacre/verify'
import { answerBundle, type Proof } from '@nacre/verify/inference'
import { sdkError } from '../errors.ts'
import type { PinnedEnclave } from './enclaves.ts'
import type { Settings } from './options.ts'

/** What a client knows of an answer beside its bytes. */
export type Asked = {
  enclave: PinnedEnclave
  artifact: Hex
  request: Uint8Array
  nonce: Hex
  /** When it was sent, Unix time in seconds: the evidence has to hold then. */
  time: bigint
}

/**
 * The bundle of an answer, with every check of it. Checks of this client are in it under names of their own: `price`,
 * `settings`.
 */
export function verifyAnswer(
  settings: Settings,
  asked: Asked,
  output: Uint8Array,
  proof: Proof,
): { bundle: ReceiptBundle; verification: Verification } {
  const { enclave, artifact, request, nonce, time } = asked
  const { report } = enclave
  const bundle = answerBundle({ request, output, proof, attestation: report, release: report.release })
  const { crypto, policy, maxPrice, priceToken = ZERO_ADDRESS } = settings
  const input = toHex((crypto?.keccak256 ?? nobleCrypto.keccak256)(request))
  const expect = { clientNonce: nonce, evidenceNonce: report.evidenceNonce, artifact, input }
  const verification = verifyReceipt(bundle, policy, { time, expect, ...(crypto && { crypto }) })
  const { price, token } = proof.usage
  const own = [
    {
      name: 'settings',
      ok: proof.parameters.settings !== undefined,
      detail: proof.parameters.settings ?? 'the receipt has no settings of a language model',
    },
    ...(maxPrice === undefined
      ? []
      : [
          {
            name: 'price',
            ok: token === priceToken && price <= maxPrice,
            detail: `${price} in token ${token}, at most ${maxPrice} in ${priceToken}`,
          },
        ]),
  ]
  const checks = [...verification.checks, ...own]
  return { bundle, verification: { ...verification, checks, ok: checks.every(check => check.ok) } }
}

/**
 * Nothing is said of an answer that does not hold, and an answer that the engine did not finish is an error.
 * @throws NacreError unverified-answer with the checks that failed, price-too-high, error-answer
 */
export function requireVerified({ verification }: { verification: Verification }): void {
  const failed = verification.checks.filter(check => !check.ok)
  const reasons = failed.map(({ name, detail }) => `${name}: ${detail}`).join('; ')
  if (failed.length === 1 && failed[0]?.name === 'price')
    throw sdkError('price-too-high', `The answer costs ${failed[0].detail} was allowed.`)
  if (failed.length > 0)
    throw sdkError('unverified-answer', `The answer’s receipt does not verify: ${reasons}.`)
  if (verification.status !== 0)
    throw sdkError('error-answer', `The answer is not whole: ${verification.failure ?? 'the engine failed'}.`)
}
