import {
  type EvidenceCrypto,
  fromHex,
  type Hex,
  type Policy,
  type ReceiptBundle,
  toHex,
  type Verification,
  ZERO_ADDRESS,
} from '@nacre/verify'
import { sdkError } from '../errors.ts'
import { withDevelopmentRoot } from '../policy.ts'

export type PrivateClientOptions = {
  /** A gateway or an operator, such as https://gateway.example: what `/v1/chat/completions` is below. */
  url: string
  /** Releases and assurance that you accept; a publisher's name counts on chains alone. */
  policy: Policy
  /** Names that you use for models, and the SHA-256 of the file that each has to be; a hash alone is a name, too. */
  models?: Record<string, Hex>
  /** DER of a simulated security module's root: accepts SIMULATED evidence of this root. Development only. */
  developmentRoot?: Uint8Array
  /** The gateway's, sent to it as `authorization: Bearer …`; a call's own `authorization` header goes nowhere. */
  apiKey?: string
  /** Receipt keys of enclaves that are not asked. */
  exclude?: readonly Hex[]
  /** The most that one answer may cost, in the smallest unit of `priceToken`; one that costs more is an error. */
  maxPrice?: bigint
  /** The token of `maxPrice`: a price in another one is more than it, whatever its number. Default: the chain's own coin. */
  priceToken?: Hex
  /** Gives nothing of a stream before its receipt is verified; by default tokens are passed on as they come. */
  holdBack?: boolean
  /** Called with the receipt of every answer, also of one that is refused: `verification.ok` says which. */
  onReceipt?: (bundle: ReceiptBundle, verification: Verification) => void
  /** Another fetch, for example one through TLS that ends in the enclave. */
  fetch?: typeof fetch
  /** Faster primitives; default: noble. */
  crypto?: Partial<EvidenceCrypto>
  /** Milliseconds without a byte after which an answer counts as lost; default 300,000. */
  idleTimeoutMs?: number
  /** Unix time in seconds; default: this machine's clock. */
  now?: () => bigint
}

/** Options with their defaults. */
export type Settings = Omit<PrivateClientOptions, 'developmentRoot'> & {
  models: Record<string, Hex>
  send: typeof fetch
  idleTimeoutMs: number
  now: () => bigint
}

export function settingsOf({ developmentRoot, ...options }: PrivateClientOptions): Settings {
  const { url, models = {}, policy, fetch: send = fetch, idleTimeoutMs = 300_000 } = options
  for (const artifact of Object.values(models)) fromHex(artifact, 32)
  fromHex(options.priceToken ?? ZERO_ADDRESS, 20)
  const clock = () => BigInt(Math.floor(Date.now() / 1000))
  return {
    ...options,
    ...{ url: url.replace(/\/+$/, ''), models, idleTimeoutMs, now: options.now ?? clock },
    // A browser's fetch wants its own `this`.
    send: (input, init) => send(input, init),
    policy: developmentRoot ? withDevelopmentRoot(policy, developmentRoot) : policy,
  }
}

/**
 * The file that a model's name has to be. Names are the operator's words, so that only what the caller pinned is known.
 * @throws NacreError model-not-pinned
 */
export function artifactOf({ models }: Settings, model: string): Hex {
  const pinned = Object.hasOwn(models, model) ? models[model] : undefined
  if (pinned) return pinned
  if (/^0x[0-9a-f]{64}$/.test(model)) return model as Hex
  throw sdkError('model-not-pinned', `Which file the model ${model.slice(0, 128)} is was not said.`)
}

/** 32 bytes from the platform's generator. */
export function freshNonce(): Hex {
  return toHex(crypto.getRandomValues(new Uint8Array(32)))
}
