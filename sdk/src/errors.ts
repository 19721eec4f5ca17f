import { type ErrorOptions, NacreError } from '@nacre/verify'

/** What to do about each error of the SDK. The keys are the closed list of codes. */
const FIXES = {
  unreachable: 'Check the address, and that the operator or the node runs there.',
  'operator-error': 'The operator’s own message says what it refused; correct that and ask again.',
  'bad-answer': 'The operator’s answer is not a receipt bundle: do not use it; ask another operator.',
  'unverified-answer': 'Do not use the answer. The checks that failed say why; ask another operator.',
  'unverified-enclave':
    'Send it nothing. The checks that failed say why; ask another gateway, or accept its release in the policy.',
  'model-not-pinned':
    'Say which file it has to be: models: { NAME: "0x…" }, the SHA-256 that its publisher tells; or use the hash as the name.',
  'model-not-served': 'Ask a gateway that serves this file, or pin one of those that this one serves.',
  'price-too-high': 'Allow a higher maxPrice, ask for fewer tokens, or ask another operator.',
  downgraded: 'Do not use the answer: somebody between sends what no enclave sealed; ask another gateway.',
  'not-private': 'Use the calls of OpenAI’s API that private inference has, below the client’s baseURL.',
  'error-answer': 'The enclave answered with a signed error: correct the input that its text names.',
  'relay-reverted': 'Correct the field that the error names; nothing was paid.',
  'request-expired': 'The fee was credited back: withdraw it with Relay.withdraw, then ask again.',
  'answer-timeout':
    'Wait longer, or after the deadline expire the request to be refunded (`nacre request expire`).',
  'not-requested': 'Check that the transaction called a consumer of this relay.',
  'bad-evidence':
    'Have the enclave make a fresh document over the hash of a recent block, and use its bytes as they are.',
  'evidence-mismatch':
    'Pass the identity and configuration that the enclave itself tells, and evidence of the same start of it.',
  'limits-too-low': 'Start another enclave with larger limits: maxInput and maxOutput of its configuration.',
  'evidence-too-old': 'Have the enclave make a fresh document over the hash of a recent block.',
  'evidence-from-future':
    'Correct the clock of the enclave’s machine, or wait until the chain’s time is the evidence’s.',
  'anchor-unavailable':
    'Have the enclave make a fresh document over the hash of a recent block of this chain.',
  'not-measured':
    'The publisher lists the image’s measurement with Releases.list; name the release that has it.',
  'no-verifier':
    'The registry’s owner adds one with addVerifier; or use evidence of a TEE that it has one of.',
  'key-ended': 'Start another enclave: it makes another key.',
  'gas-limit': 'Allow more gas for one transaction.',
  'wrong-chain': 'Use an RPC address of the chain that the deployment names, or deploy on this one.',
  'deployment-missing': 'Deploy again with an empty state folder, or restore the chain’s state.',
  'deployment-invalid': 'Use the file as deploy() wrote it, from the same version of Nacre.',
  'invalid-signature': 'Do not use what it signs: it is not authentic, or not a P-384 signature.',
  'deploy-failed': 'See the transaction; the deploying account needs enough of the chain’s coin.',
} as const

/** Every code that the SDK throws beside those of @nacre/verify. */
export type SdkErrorCode = keyof typeof FIXES

export type SdkError = NacreError<SdkErrorCode>

/** The codes as data. */
export const SDK_ERROR_CODES: readonly SdkErrorCode[] = Object.keys(FIXES) as SdkErrorCode[]

/** An error of the SDK: the message says what and why, `fix` what to do. */
export function sdkError(code: SdkErrorCode, message: string, options: ErrorOptions = {}): SdkError {
  return new NacreError<SdkErrorCode>(code, message, { fix: FIXES[code], ...options })
}
