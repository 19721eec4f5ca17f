/**
 * Limits in measured code. A limit that can end in a receipt is here or in the attested configuration, never in
 * what the host passes beside it: a host could otherwise make enclaves sign errors, and be paid for them.
 */

/** Largest maxInput and maxOutput of a configuration, bytes. */
export const MAX_PAYLOAD = 15 * 2 ** 20

/** Largest artifact, bytes. */
export const MAX_ARTIFACT = 32 * 2 ** 20

/** Largest body of the calls that carry no tensor, and of the JSON beside one, bytes. */
export const MAX_SMALL_BODY = 4096

/** Of a job. An input of one byte more than any configuration takes still gets its signed refusal. */
export const JOB_LIMITS = { maxJson: MAX_SMALL_BODY, maxBytes: MAX_PAYLOAD + 1 } as const

/** Most rows (first dimension, where the model leaves it free) of one input. */
export const MAX_BATCH = 4096

/** Longest text of an error answer, bytes. */
export const MAX_ERROR_TEXT = 256

/** Answers kept for repeats: how many, and their output in bytes. */
export const MAX_ANSWERS = 8192
export const MAX_ANSWER_BYTES = 64 * 2 ** 20

/** Batches that are open at a time, one a reservation; the one that grew longest ago goes first. */
export const MAX_TALLIES = 4096

/** Calls with a body that are open at a time: what they hold is at most this many bodies. */
export const MAX_OPEN_CALLS = 32

/** Longest time that one run and one load of a model may take, milliseconds. */
export const RUN_LIMIT_MS = 20_000
export const LOAD_LIMIT_MS = 60_000

/**
 * Of language models, milliseconds: one load, and one step (a chunk of a prompt, a token of each sequence, a text to
 * embed). Both are long, since a busy neighbour makes a step take many times as long: they end a process that hangs.
 */
export const MODEL_LOAD_LIMIT_MS = 300_000
export const STEP_LIMIT_MS = 60_000

/** Before a model is tried again that could not be loaded again, milliseconds: twice as long each time. */
export const MODEL_PAUSES_MS: { least: number; most: number } = { least: 5_000, most: 600_000 }

/** What a language model has made and its client has not taken yet, of one choice, bytes. */
export const MAX_WAITING_BYTES = 4 * 2 ** 20

/** How long one model's file may be on its way into an enclave. */
export const MODEL_UPLOAD_LIMIT_MS = 4 * 3_600_000
