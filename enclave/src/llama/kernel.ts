/** Tokens of a prompt that are read in one batch: by position, so that neighbours move no border. */
export const PREFILL_CHUNK = 64

/** Most tokens of one text to embed: its mean is over one batch. */
export const EMBEDDING_BATCH = 2048

/** llama.cpp's number of it, for models whose file names no pooling. */
export const POOLING_MEAN = 1

/**
 * What outputs depend on beside artifact, request and engine, as `kernel` of a receipt's settings. Threads and
 * neighbours are not among it: tests compare outputs bit for bit.
 */
export const KERNEL = {
  chunk: PREFILL_CHUNK,
  flashAttention: false,
  kvUnified: false,
  pooling: 'model, else mean',
} as const
