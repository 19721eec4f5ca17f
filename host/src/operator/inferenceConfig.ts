import { isAbsolute } from 'node:path'
import { z } from 'zod'

const amount = z
  .string()
  .regex(/^(0|[1-9][0-9]{0,38})$/, 'must be an amount as a decimal string, in the token’s smallest unit')
const token = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, 'must be 0x and 20 bytes in hex')
  .transform(text => text.toLowerCase() as `0x${string}`)

const model = z.strictObject({
  /** What clients ask for. */
  id: z.string().regex(/^[A-Za-z0-9._:/-]{1,128}$/, 'must be 1 to 128 of A-Z a-z 0-9 . _ : / -'),
  /** A GGUF file. */
  file: z.string().refine(isAbsolute, 'must be an absolute path'),
})

const id = model.shape.id

/** docs/inference.md, Another engine. What the enclave would refuse is refused before one starts. */
const upstream = z.strictObject({
  address: z
    .string()
    .regex(
      /^(unix:\/[\x21-\x7e]{1,106}|http:\/\/127\.0\.0\.1:[1-9][0-9]{0,4})$/,
      'must be unix:/PATH or http://127.0.0.1:PORT',
    ),
  /** Its name and version, as receipts have it. */
  engine: z.string().min(1).max(96),
  models: z
    .array(
      z.strictObject({
        id,
        /** The engine's own name of it. */
        name: z.string().min(1).max(256),
        artifact: z.string().regex(/^0x[0-9a-f]{64}$/, 'must be 0x and a SHA-256 in lower-case hex'),
        contextLength: z
          .int()
          .min(1)
          .max(2 ** 24),
        kind: z.enum(['chat', 'text']),
        /** Length of its embeddings; 0 for none. */
        dimensions: z.int().min(0).max(65_536),
      }),
    )
    .min(1)
    .max(32)
    .refine(onceEach, 'names an id twice'),
})

function onceEach(all: { id: string }[]): boolean {
  return new Set(all.map(one => one.id)).size === all.length
}

/** `inference` of the agent's configuration: docs/operating.md, Language models. */
const fields = z.strictObject({
  models: z.array(model).max(64).refine(onceEach, 'names an id twice').default([]),
  /** An engine beside the enclave, in the place of models: the image is nacre-upstream. */
  upstream: upstream.optional(),
  /** Of a token of the prompt and of the completion. */
  prices: z.strictObject({ token, prompt: amount, completion: amount }),
  /** Generations at a time. */
  sequences: z.int().min(1).max(64).default(4),
  /** Tokens that the prompt and the completion of each may have together. */
  contextSize: z.int().min(64).max(1_048_576).default(4_096),
  threads: z.int().min(1).max(256).default(2),
  /** Requests that wait beside those that are answered. */
  queue: z.int().min(0).max(4_096).default(64),
  /** Where TLS that ends in the enclave is passed on; without it there is no such port. */
  tls: z
    .strictObject({
      host: z.string().default('127.0.0.1'),
      port: z.int().min(0).max(65_535).default(0),
    })
    .optional(),
  /** Calls that run in an enclave that was replaced are waited for so long, seconds. */
  drainS: z.int().min(0).max(3_600).default(120),
})

export const inferenceConfig = fields.refine(
  ({ models, upstream }) => models.length > 0 !== (upstream !== undefined),
  {
    path: ['models'],
    error: 'give models for an image nacre-llama, or upstream for an image nacre-upstream: one of them',
  },
)

export type InferenceConfig = z.infer<typeof inferenceConfig>
