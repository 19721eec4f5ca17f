import { type Hex, NacreError } from '@nacre/verify'
import { ENCLAVE_HEADER, MODEL_HEADER, NONCE_HEADER } from '@nacre/verify/inference'
import { SEALED, sealRequest } from '@nacre/verify/seal'
import type { OpenedAnswer } from '@nacre/verify/sealedAnswer'
import { sdkError } from '../errors.ts'
import type { PinnedEnclave } from './enclaves.ts'
import { freshNonce, type Settings } from './options.ts'

/** A request as the enclave is to have it. */
export type PlainRequest = {
  /** Such as /v1/chat/completions. */
  path: string
  body: Uint8Array
  signal?: AbortSignal | undefined
}

/** An answer whose body is to be read; `leave` ends the call at once, also where it was not begun or nothing comes. */
export type ExchangedAnswer = {
  type: 'answer'
  opened: OpenedAnswer
  nonce: Hex
  time: bigint
  leave: () => void
}

/** What came back: the enclave's sealed answer, or the refusal of somebody before it. */
export type Exchanged =
  | ExchangedAnswer
  | { type: 'refusal'; status: number; retryAfter: string | undefined; text: string }

/** Longest refusal that is read, bytes. */
const MAX_REFUSAL = 65_536

/**
 * Seals a request to an enclave under a nonce of its own and sends it once.
 * @throws NacreError unreachable, downgraded (an answer that is not sealed), cut-off, invalid-seal; or the signal's reason
 */
export async function exchange(
  settings: Settings,
  enclave: PinnedEnclave,
  request: PlainRequest,
): Promise<Exchanged> {
  const { path, body, signal } = request
  const { apiKey } = settings
  const { receiptKey, hpkeKey } = enclave.report.identity
  const nonce = freshNonce()
  const sealed = await sealRequest({ path, nonce, receiptKey, hpkeKey, body })
  const watch = createWatch(settings.idleTimeoutMs, signal)
  const time = settings.now()
  try {
    const response = await settings.send(new URL(path, settings.url), {
      method: 'POST',
      headers: {
        'content-type': SEALED,
        [NONCE_HEADER]: nonce,
        [ENCLAVE_HEADER]: receiptKey,
        [MODEL_HEADER]: enclave.model,
        // No header of the caller's leaves this client: its own `authorization` may be a key of somebody else's.
        ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
      },
      body: sealed.body as Uint8Array<ArrayBuffer>,
      redirect: 'error',
      signal: watch.signal,
    })
    if (response.status >= 400) return await refusalOf(response, watch)
    if (response.status !== 200 || response.headers.get('content-type') !== SEALED)
      throw sdkError('downgraded', `${settings.url} answered with something that is not sealed.`)
    const opened = await sealed.openAnswer(bytesOf(response, watch))
    return { type: 'answer', opened, nonce, time, leave: watch.leave }
  } catch (cause) {
    watch.leave()
    throw reasonOf(cause, settings.url, signal)
  }
}

/** Ends a call when nothing has come for a while, or when the caller wants. */
type Watch = { signal: AbortSignal; touch: () => void; end: () => void; leave: () => void }

function createWatch(idleMs: number, signal: AbortSignal | undefined): Watch {
  const idle = new AbortController()
  const lost = () => idle.abort(sdkError('unreachable', `Nothing came for ${idleMs} ms.`))
  let timer = setTimeout(lost, idleMs)
  return {
    signal: signal ? AbortSignal.any([signal, idle.signal]) : idle.signal,
    touch() {
      clearTimeout(timer)
      timer = setTimeout(lost, idleMs)
    },
    end: () => clearTimeout(timer),
    leave() {
      clearTimeout(timer)
      idle.abort(sdkError('unreachable', 'The call was left.'))
    },
  }
}

/** The bytes of a body as they come; leaving them ends the call. */
async function* bytesOf(response: Response, watch: Watch): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader()
  try {
    for (;;) {
      const part = await reader?.read()
      if (part === undefined || part.done) return
      watch.touch()
      yield part.value
    }
  } finally {
    watch.end()
    await reader?.cancel().catch(() => {})
  }
}

async function refusalOf(response: Response, watch: Watch): Promise<Exchanged> {
  const decoder = new TextDecoder()
  let [text, size] = ['', 0]
  for await (const bytes of bytesOf(response, watch)) {
    size += bytes.length
    if (size > MAX_REFUSAL) break
    text += decoder.decode(bytes, { stream: true })
  }
  const retryAfter = response.headers.get('retry-after') ?? undefined
  return { type: 'refusal', status: response.status, retryAfter, text }
}

/** What the caller wanted, and what verification says, stay as they are; the rest is the network. */
export function reasonOf(cause: unknown, url: string, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason
  if (cause instanceof NacreError) return cause
  const deepest = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
  const why = deepest instanceof Error ? deepest.message : String(deepest)
  return sdkError('unreachable', `${url} does not answer: ${why}.`, { cause })
}
