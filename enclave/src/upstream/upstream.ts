import { createHash } from 'node:crypto'
import type { EnclaveConfig, Hex } from '@nacre/verify'
import { canonicalJson } from '@nacre/verify/canonicalJson'
import { arrayOf, hexOf, integerOf, objectOf, oneOf, type Parser, textOf } from '@nacre/verify/shape'

/**
 * An OpenAI-compatible engine that stands in the place of the image's own, in the same machine: vLLM, SGLang, Ollama,
 * llama-server. The configuration's `engineHash` is of this description, so that evidence binds it; that the engine there
 * is this one, only what measures the whole machine shows.
 */
export type Upstream = {
  /** `unix:/path` or `http://127.0.0.1:PORT`; paths of the API begin with /v1 behind it. */
  address: string
  /** Name and version, as receipts have it: `vllm/0.11.0`. */
  engine: string
  models: UpstreamModel[]
}

export type UpstreamModel = {
  /** The name that clients ask for, and the one that the engine has it by. */
  id: string
  name: string
  /** SHA-256 of its weights, by the description's word. */
  artifact: Hex
  contextLength: number
  /** `chat` answers messages and texts, `text` texts alone. */
  kind: 'chat' | 'text'
  /** Length of its embeddings; 0 for a model that makes none. */
  dimensions: number
}

const MAX_MODELS = 32

const parseAddress: Parser<string> = (value, path) => {
  const address = textOf(120)(value, path)
  if (/^unix:\/[\x21-\x7e]{1,106}$/.test(address)) return address
  const [, port] = /^http:\/\/127\.0\.0\.1:([1-9][0-9]{0,4})$/.exec(address) ?? []
  if (Number(port) < 65_536) return address
  throw new Error(`${path} is neither unix:/PATH nor http://127.0.0.1:PORT: prompts do not leave the machine`)
}

export const parseUpstream: Parser<Upstream> = objectOf<Upstream>({
  address: parseAddress,
  engine: textOf(96),
  models: arrayOf(
    objectOf<UpstreamModel>({
      id: textOf(128),
      name: textOf(256),
      artifact: hexOf(32),
      contextLength: integerOf(1, 2 ** 24),
      kind: oneOf('chat', 'text'),
      dimensions: integerOf(0, 65_536),
    }),
    MAX_MODELS,
  ),
})

/** What a configuration has as `engineHash`: SHA-256 of its canonical JSON (RFC 8785). */
export function upstreamHash(upstream: Upstream): Hex {
  return `0x${createHash('sha256').update(canonicalJson(upstream)).digest('hex')}`
}

/** @throws Error when the configuration, which evidence binds, names another engine or none */
export function requireUpstream({ version, engineHash }: EnclaveConfig, upstream: Upstream): void {
  const hash = upstreamHash(upstream)
  if (version === 2 && engineHash === hash) return
  throw new Error(`the configuration's engineHash is ${engineHash ?? 'missing'}, and the engine's is ${hash}`)
}
