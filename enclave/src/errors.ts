import { NacreError } from '@nacre/verify'

/** HTTP status and remedy of each channel error: failures that get no receipt. The keys are the closed list. */
const ERRORS = {
  'unknown-route': [404, 'See docs/protocol.md, "Channel to the enclave".'],
  'method-not-allowed': [405, 'See docs/protocol.md, "Channel to the enclave".'],
  'length-required': [411, 'Send the body with a content-length header, not in chunks.'],
  'body-too-large': [413, 'Send at most the size that the message names.'],
  'malformed-json': [400, 'Send one JSON object in UTF-8.'],
  'malformed-job': [400, 'Compare the field that the message names with docs/protocol.md.'],
  'unknown-artifact': [404, 'Load the artifact first: POST /v1/artifacts.'],
  'artifact-mismatch': [400, 'Fetch the file again: its SHA-256 is not the one announced.'],
  'artifact-limit': [507, 'Start the enclave with larger engine limits, or load fewer artifacts.'],
  'unsupported-model': [
    422,
    'Load what this image runs: an ONNX model or a pipeline, for nacre-attestation a policy, for nacre-zk a verifying key (docs/security/boundaries.md).',
  ],
  'conflicting-job': [409, 'An answer for this request was signed already; repeat that job to get it again.'],
  'voucher-refused': [
    402,
    'Sign a voucher for exactly this request and reservation; the message says what differs.',
  ],
  'voucher-order': [409, 'Begin a batch with this index, or use a voucher with a higher one.'],
  busy: [503, 'Try again when some of the calls that are open are answered.'],
  'engine-stopped': [
    504,
    'Announce and load only models that answer in seconds and do not crash the engine.',
  ],
  'security-module': [502, 'Check that what makes evidence here runs, and is of this kind; then try again.'],
  'invalid-config': [500, 'Correct the field that the message names and start again.'],
  internal: [500, 'Restart the enclave and report this with its log.'],
} as const

export type ChannelCode = keyof typeof ERRORS

/** The codes as data, in the order of docs/errors.md. */
export const CHANNEL_CODES: readonly ChannelCode[] = Object.keys(ERRORS) as ChannelCode[]

/** A failure that gets no receipt. */
export class ChannelError extends NacreError<ChannelCode> {
  constructor(code: ChannelCode, message: string, cause?: unknown) {
    super(code, message, { fix: ERRORS[code][1], cause })
  }
}

/** HTTP status and body of anything thrown; what is not a ChannelError is told as `internal`, without details. */
export function channelAnswer(error: unknown): { status: number; body: { error: Record<string, string> } } {
  const known = error instanceof ChannelError ? error : new ChannelError('internal', 'the enclave failed')
  const { code, message, fix = '' } = known
  return { status: ERRORS[code][0], body: { error: { code, message, fix } } }
}
