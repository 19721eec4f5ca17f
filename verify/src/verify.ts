import type { EvidenceCrypto } from './attest/crypto.ts'
import type { ReceiptBundle } from './bundle.ts'
import { type Hex, ZERO_HASH } from './bytes.ts'
import { type Check, createChecklist } from './checks.ts'
import { requireContext, type VerifyContext } from './context.ts'
import { withDefaults } from './crypto.ts'
import { type Policy, parsePolicy } from './policy.ts'
import { receiptId } from './receipt.ts'
import { checkAnswer, checkSignature, failureOf } from './verify/answer.ts'
import { checkChain } from './verify/chain.ts'
import { checkConfiguration, checkIdentity, checkRelease } from './verify/enclave.ts'
import { checkEvidence } from './verify/evidence.ts'
import { checkExpectations } from './verify/expectations.ts'
import { checkPolicy } from './verify/policy.ts'

/** The outcome of a verification: every check that was made, in reading order. */
export type Verification = {
  /** Whether every check holds. */
  ok: boolean
  checks: Check[]
  /** EIP-712 digest; zero when the receipt cannot be encoded at all. */
  receiptId: Hex
  /** Address that signed, when the signature check holds. */
  signer?: Hex
  /** What the evidence proves, when it holds. */
  assurance?: 'simulated' | 'tee'
  /** The receipt's status: 0 ok; otherwise a valid receipt is a proof of failure. */
  status: number
  /** With a status other than 0, the enclave's text `code: detail`. */
  failure?: string
}

/**
 * Verifies a receipt with everything behind it: the answer's hashes, the enclave's signature, the evidence for the
 * enclave's key, configuration and image, and what the policy wants. Synchronous and pure: time, trust roots and
 * facts from the chain are arguments.
 *
 * `ok` is true only when every check holds; a check that builds on a failed one fails with that reason. Whether
 * the answer itself is a success is `status`.
 *
 * @throws NacreError for a policy or context that is malformed, never for a bad receipt: empty-policy,
 * invalid-context, and the codes of parsePolicy
 */
export function verifyReceipt(
  bundle: ReceiptBundle,
  policy: Policy,
  context: VerifyContext & { crypto?: Partial<EvidenceCrypto> },
): Verification {
  const wanted = parsePolicy(policy)
  requireContext(context)
  const crypto = withDefaults(context.crypto)
  const list = createChecklist()

  checkAnswer(list, bundle, crypto)
  checkExpectations(list, bundle, context.expect ?? {})
  const signer = checkSignature(list, bundle, crypto)
  const attested = checkEvidence(list, bundle.evidence, {
    policy: wanted,
    time: context.time,
    nonces: [bundle.evidenceNonce, context.expect?.evidenceNonce ?? bundle.evidenceNonce],
    crypto,
  })
  const identity = checkIdentity(list, bundle, attested)
  const config = checkConfiguration(list, bundle, identity)
  const release = checkRelease(list, bundle, attested, config)
  checkPolicy(list, bundle, wanted, context, { attested, config, release })
  checkChain(list, bundle, context.time, context.chain ?? {})

  return {
    ok: list.checks.every(check => check.ok),
    checks: list.checks,
    receiptId: idOf(bundle),
    ...(signer.ok && { signer: signer.value }),
    ...(attested.ok && { assurance: attested.value.assurance }),
    status: bundle.receipt.status,
    ...failureOf(bundle),
  }
}

function idOf(bundle: ReceiptBundle): Hex {
  try {
    return receiptId(bundle, bundle.receipt)
  } catch {
    return ZERO_HASH
  }
}
