/** Bounds of the API in measured code; docs/security/boundaries.md lists them. */

/** Connections of each of its two sockets. */
export const MAX_CONNECTIONS = 512

/** Bytes of requests that are held at a time, all together. */
export const MAX_HELD_BYTES = 64 * 2 ** 20

/** Headers of one request, bytes. */
export const MAX_HEADER_BYTES = 16_384

/** Of a request's headers, and of all of it, milliseconds. */
export const HEADERS_TIMEOUT_MS = 10_000
export const REQUEST_TIMEOUT_MS = 60_000

/** How long a client may read nothing of an answer that waits for it, milliseconds. */
export const SEND_LIMIT_MS = 30_000

/** Answers whose receipts can be fetched. */
export const MAX_RECEIPTS = 8192

/** Attestations that are made at a time: each is asked of the platform. */
export const MAX_ATTESTING = 16

/** Age of the evidence that goes with receipts, milliseconds. */
export const EVIDENCE_AGE_MS = 300_000

/** Least maxOutput: less holds no answer. */
export const MIN_OUTPUT = 8192
/** Of an answer, and of each of its choices, beside what the model wrote: bytes. */
export const ANSWER_FRAME = 1024
export const CHOICE_FRAME = 768
