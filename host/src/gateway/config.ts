import { isAbsolute } from 'node:path'
import { z } from 'zod'

const url = z
  .url({ protocol: /^https?$/, error: 'must be an address with http or https' })
  .refine(text => new URL(text).pathname === '/', 'must be an address without a path')
  .transform(text => new URL(text).origin)

/** Configuration of a gateway; docs/operating.md, The gateway, explains every field. */
export const gatewayConfig = z.strictObject({
  /** For editors: docs/gateway.schema.json. */
  $schema: z.string().optional(),
  /** HTTP addresses of operators of language models. */
  operators: z
    .array(url)
    .min(1)
    .max(64)
    .refine(all => new Set(all).size === all.length, 'names an operator twice'),
  databaseUrl: z.string().min(1),
  schema: z.string().default('gateway'),
  http: z
    .strictObject({
      host: z.string().default('127.0.0.1'),
      port: z.int().min(0).max(65_535).default(0),
    })
    .prefault({}),
  /** Whether calls without a key are refused. */
  keys: z.strictObject({ required: z.boolean().default(true) }).prefault({}),
  /** A receipt policy: enclaves whose attestation it does not accept are not routed to. */
  policyFile: z.string().refine(isAbsolute, 'must be an absolute path').optional(),
  /** Longest body, bytes, and how many bytes of bodies are held at a time, for another try. */
  maxBody: z.int().min(1_024).max(16_777_216).default(1_048_576),
  maxHeld: z.int().min(1_048_576).default(67_108_864),
  /** Connections of clients, and calls that are answered, at a time. */
  maxConnections: z.int().min(1).max(65_536).default(1_024),
  /** Between two looks at an operator. */
  pollMs: z.int().min(50).default(2_000),
  /** After which an operator that says nothing is given up: while a call waits for it, and when it is looked at. */
  silenceMs: z.int().min(1_000).default(300_000),
  pollTimeoutMs: z.int().min(100).default(10_000),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
})

export type GatewayConfig = z.infer<typeof gatewayConfig>

/** JSON Schema of a gateway's configuration, for editors: docs/gateway.schema.json. */
export function gatewaySchema(): object {
  const schema = z.toJSONSchema(gatewayConfig, { io: 'input', unrepresentable: 'any' })
  return { ...schema, title: 'Configuration of a nacre gateway: docs/operating.md' }
}
