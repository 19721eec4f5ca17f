import { type Hex, NacreError, type ReceiptBundle, utf8 } from '@nacre/verify'
import { sdkError } from '../errors.ts'
import { isObject } from '../operatorHttp.ts'
import { type OnReceipt, responseOf } from './answers.ts'
import { discover, listModels, type PinnedEnclave } from './enclaves.ts'
import { type Exchanged, exchange } from './exchange.ts'
import { type OpenAiCalls, openAiCalls } from './openAi.ts'
import { artifactOf, type PrivateClientOptions, type Settings, settingsOf } from './options.ts'

export type PrivateClient = OpenAiCalls & {
  /** For the official package: `new OpenAI({ baseURL: client.baseURL, apiKey: 'none', fetch: client.fetch })`. */
  baseURL: string
  /**
   * A fetch that answers calls of OpenAI's API below `baseURL`, each sealed to an enclave that was verified before. It
   * throws, or its stream errors, where an answer's receipt does not verify; refusals are responses as OpenAI's. Headers of a
   * call go nowhere: the official package sends OPENAI_API_KEY where it is given no key. A gateway's is the option `apiKey`.
   */
  fetch: typeof fetch
  /** Enclaves that serve the model and are accepted now; asks and verifies when none is known. */
  enclaves(model: string): Promise<PinnedEnclave[]>
  /** Receipt bundle of the newest answer that has one. */
  readonly lastReceipt: ReceiptBundle | undefined
}

const CALLS = ['/v1/chat/completions', '/v1/completions', '/v1/embeddings']
const ATTEMPTS = 3
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
/** What another enclave may answer: used nonce, another enclave's key, a full queue, gone or not ready. */
const TRY_ANOTHER = [409, 421, 429, 502, 503, 504]

/**
 * A client of private inference. Before anything is sent it verifies enclaves against the policy; requests are sealed to
 * their keys, so that no gateway and no host reads them; every answer's receipt is verified.
 *
 * @example
 * const client = createPrivateClient({ url, policy, models: { tales: '0x…' } })
 * const openai = new OpenAI({ baseURL: client.baseURL, apiKey: 'none', fetch: client.fetch })
 * await openai.chat.completions.create({ model: 'tales', messages })
 */
export function createPrivateClient(options: PrivateClientOptions): PrivateClient {
  const settings = settingsOf(options)
  const pool = createPool(settings)
  let lastReceipt: ReceiptBundle | undefined
  const onReceipt: OnReceipt = (bundle, verification) => {
    if (verification.ok) lastReceipt = bundle
    settings.onReceipt?.(bundle, verification)
  }
  const answer: typeof fetch = async (input, init) => {
    const request = new Request(input, init)
    const { pathname, search, origin } = new URL(request.url)
    if (origin !== new URL(settings.url).origin || search !== '')
      throw sdkError('not-private', `${request.url} is no call of ${settings.url}.`)
    if (request.method === 'GET' && pathname === '/v1/models')
      return Response.json(await listModels(settings))
    if (request.method !== 'POST' || !CALLS.includes(pathname))
      return refusal(404, 'unknown_url', `${request.method} ${pathname} is none of ${CALLS.join(', ')}.`)
    return ask(pathname, new Uint8Array(await request.arrayBuffer()), request)
  }

  /** Tries again with another enclave, sealed anew, as long as no byte of an answer has come. */
  async function ask(path: string, bytes: Uint8Array, { signal }: Request): Promise<Response> {
    const { name, bodyFor } = readBody(bytes)
    const artifact = artifactOf(settings, name)
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted()
      const enclave = await pool.take(name, artifact)
      const body = bodyFor(enclave.model)
      const last = attempt === ATTEMPTS
      const found = await exchange(settings, enclave, { path, body, signal }).catch(error => {
        pool.drop(enclave)
        if (last || !isGone(error)) throw error
      })
      if (!found) continue
      if (!last && TRY_ANOTHER.includes(statusOf(found))) {
        pool.drop(enclave)
        if (found.type === 'answer') found.leave()
        continue
      }
      if (found.type === 'refusal') return refusalOf(found)
      const { nonce, time } = found
      return responseOf(settings, { enclave, artifact, request: body, nonce, time }, found, onReceipt)
    }
  }

  return {
    ...openAiCalls(settings.url, answer),
    baseURL: `${settings.url}/v1`,
    fetch: answer,
    enclaves: name => pool.all(name, artifactOf(settings, name)),
    get lastReceipt() {
      return lastReceipt
    },
  }
}

type Pool = {
  all(name: string, artifact: Hex): Promise<PinnedEnclave[]>
  take(name: string, artifact: Hex): Promise<PinnedEnclave>
  /** Not to be asked again before they are all looked for anew. */
  drop(enclave: PinnedEnclave): void
}

/** Verified enclaves of each artifact, for as long as the policy lets their evidence be; one look for all who wait. */
function createPool(settings: Settings): Pool {
  const known = new Map<Hex, Promise<PinnedEnclave[]>>()
  const dropped = new WeakSet<PinnedEnclave>()
  async function all(name: string, artifact: Hex): Promise<PinnedEnclave[]> {
    const held = known.get(artifact)
    const now = settings.now()
    const usable = held ? (await held).filter(one => one.until > now && !dropped.has(one)) : []
    if (usable.length > 0) return usable
    const newer = known.get(artifact)
    if (newer && newer !== held) return newer
    const found = discover(settings, name, artifact).then(({ enclaves }) => enclaves)
    known.set(artifact, found)
    found.catch(() => known.delete(artifact))
    return found
  }
  return {
    all,
    async take(name, artifact) {
      const enclaves = await all(name, artifact)
      return enclaves[Math.floor(Math.random() * enclaves.length)] as PinnedEnclave
    },
    drop: enclave => void dropped.add(enclave),
  }
}

/** The model's name, and the body with the name that an enclave has for it; the bytes as they are where it is the same. */
function readBody(bytes: Uint8Array): { name: string; bodyFor: (model: string) => Uint8Array } {
  const json = jsonOf(bytes)
  if (!isObject(json) || typeof json.model !== 'string')
    throw sdkError('not-private', 'The request’s body is no JSON object with a model.')
  const name = json.model
  const bodyFor = (model: string) => (model === name ? bytes : utf8(JSON.stringify({ ...json, model })))
  return { name, bodyFor }
}

/** Undefined for what is none: the error of a parser quotes the text, and errors end in logs. */
function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(strictUtf8.decode(bytes))
  } catch {
    return undefined
  }
}

function isGone(error: unknown): boolean {
  return error instanceof NacreError && ['unreachable', 'cut-off'].includes(error.code)
}

function statusOf(found: Exchanged): number {
  return found.type === 'answer' ? found.opened.status : found.status
}

/** A refusal by a gateway or an operator: nothing of it is verified, and it says no more than that. */
function refusalOf({ status, retryAfter, text }: Extract<Exchanged, { type: 'refusal' }>): Response {
  const { message, type, code } = errorOf(text)
  const headers = retryAfter === undefined ? {} : { 'retry-after': retryAfter }
  return refusal(status, code ?? 'refused', message ?? `refused with status ${status}`, { type, headers })
}

function errorOf(text: string): Record<'message' | 'type' | 'code', string | undefined> {
  const short = (value: unknown) => (typeof value === 'string' ? value.slice(0, 1000) : undefined)
  try {
    const { error } = JSON.parse(text)
    return { message: short(error.message), type: short(error.type), code: short(error.code) }
  } catch {
    return { message: undefined, type: undefined, code: undefined }
  }
}

function refusal(
  status: number,
  code: string,
  message: string,
  { type, headers }: { type?: string | undefined; headers?: Record<string, string> } = {},
): Response {
  const error = { message, type: type ?? 'invalid_request_error', param: null, code }
  return Response.json({ error }, { status, ...(headers && { headers }) })
}
