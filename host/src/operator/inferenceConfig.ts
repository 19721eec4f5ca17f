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

/** `inference` of the agent's configuration: docs/operating.md, Language models. */
export const inferenceConfig = z.strictObject({
  models: z
    .array(model)
    .min(1)
    .max(64)
    .refine(all => new Set(all.map(({ id }) => id)).size === all.length, 'names an id twice'),
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

export type InferenceConfig = z.infer<typeof inferenceConfig>
