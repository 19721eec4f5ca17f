/** What to do about each error. The keys are the closed list of codes, documented in docs/errors.md. */
const FIXES = {
  'invalid-hex': 'Pass bytes as lower-case hex with an 0x prefix, of the size that the message names.',
  'invalid-text': 'Pass well-formed UTF-8.',
  'integer-out-of-range': 'Pass a whole number within the bounds that the message names.',
  'invalid-tensor': 'Make the data an array of the type and the length that dtype and dims name.',
  'invalid-artifact':
    'Build the artifact with encodePipeline or encodePolicyArtifact, or take it from its publisher again.',
  'too-large': 'Send less: the message names the bound.',
  'unsupported-version': 'Use a build of Nacre that knows this version.',
  'invalid-json': 'Check that the file is complete; it must be one JSON value in UTF-8.',
  'wrong-type': 'Compare the field with docs/protocol.md; the message names its path.',
  'missing-field': 'Add the field that the message names.',
  'unknown-field': 'Remove the field, or use a build of Nacre that knows it.',
  'invalid-manifest': 'Write the manifest with encodeManifest.',
  'invalid-signature': 'Ask for the receipt again; signatures are 65 bytes r, s, v, low-s, v 27 or 28.',
  'invalid-key': 'Pass a secp256k1 private key: 32 bytes, not zero, below the order of the curve.',
  'invalid-cbor': 'Encode with encodeCbor: definite lengths, shortest integers, no tags and no floats.',
  'invalid-cose': 'Send the COSE_Sign1 document as the security module returned it.',
  'invalid-certificate':
    'Use an X.509 v3 certificate or list in DER, with keys on P-256 or P-384 or of RSA, signed with ES256, ES384 or RSA-PSS of SHA-384; for simulated evidence ES256 alone.',
  'invalid-evidence': 'Send the document as the security module returned it.',
  'invalid-case': 'Write the case with encodeCase.',
  'invalid-statement':
    'Ask the verifier enclaves again; a statement is what the receipt of their answer signs.',
  'invalid-eif': 'Build the image again; the file must be whole, and no other program may have changed it.',
  'invalid-eif-signature':
    'Sign the image again with a key on P-384 and its certificate, or take it from its publisher again.',
  'invalid-cpio': 'Write ramdisks as one uncompressed cpio archive in the newc format, without hard links.',
  'invalid-seal':
    'Seal the request anew, to the key that the enclave attests now; do not use what did not open.',
  'cut-off': 'Ask again: what came before is not the whole answer.',
  'invalid-proof': 'Do not use the answer: it has no proof of what it is; ask another enclave.',
  'empty-policy': 'Name at least one release or publisher that you accept.',
  'invalid-context': 'Pass the time in seconds as a bigint, and expectations as lower-case 0x hex.',
} as const

/** Every code that this package throws. */
export type ErrorCode = keyof typeof FIXES

/** The codes as data, in the order of docs/errors.md. */
export const ERROR_CODES: readonly ErrorCode[] = Object.keys(FIXES) as ErrorCode[]

export type ErrorOptions = { fix?: string; cause?: unknown }

/**
 * The error of every Nacre package. The message says what and why, `fix` says what to do; branch on `code`, never
 * on the text. Other packages use it with a closed union of their own codes: `NacreError<HostCode>`.
 */
export class NacreError<Code extends string = ErrorCode> extends Error {
  override readonly name = 'NacreError'
  readonly code: Code
  readonly fix: string | undefined

  constructor(code: Code, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.fix = options.fix ?? (FIXES as Record<string, string>)[code]
  }
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
