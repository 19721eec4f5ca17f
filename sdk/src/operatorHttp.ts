import { NacreError } from '@nacre/verify'
import { sdkError } from './errors.ts'

export type HttpOptions = {
  /** The operator's HTTP address, such as http://127.0.0.1:8645. */
  url: string
  /** Another fetch, for example of a proxy. */
  fetch?: typeof fetch
  /** Milliseconds for one call; default 30,000. */
  timeoutMs?: number
  /** Longest answer that is read; default 64 MiB. */
  maxBytes?: number
}

/** Larger answers are refused: outputs are bounded far below. */
const MAX_BODY = 64 * 1024 * 1024

/** Characters of an operator's own words that an error quotes. */
const MAX_TEXT = 1000

/** Statuses that are answers beside 2xx: `absent` stands for undefined, `alsoOk` carries a body like the others. */
type Expected = { absent?: number; alsoOk?: number }

/**
 * One call of an operator's HTTP interface: bounded in time and size, JSON, no redirects.
 * @throws NacreError unreachable, operator-error, bad-answer
 */
export async function call(
  options: HttpOptions,
  path: string,
  body?: object,
  { absent, alsoOk }: Expected = {},
): Promise<unknown> {
  const { url, timeoutMs = 30_000, maxBytes = MAX_BODY } = options
  const send = options.fetch ?? fetch
  const post = body && {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  }
  // A redirect would let an operator aim this client at whoever it likes.
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    const response = await send(new URL(path, url), { ...post, redirect: 'error', signal })
    if (response.status === absent) return undefined
    const value = parse(await readText(response, url, maxBytes), url)
    if (!response.ok && response.status !== alsoOk) throw operatorError(value, response.status, url)
    return value
  } catch (cause) {
    if (cause instanceof NacreError) throw cause
    throw sdkError('unreachable', `${url}${path} does not answer: ${reason(cause)}.`, { cause })
  }
}

/** The deadline covers the body too: its signal ends a body that drips. */
async function readText(response: Response, url: string, maxBytes: number): Promise<string> {
  const reader = response.body?.getReader()
  const decoder = new TextDecoder()
  let [text, size] = ['', 0]
  for (;;) {
    const part = await reader?.read()
    if (part === undefined || part.done) return text + decoder.decode()
    size += part.value.length
    if (size > maxBytes) {
      await reader?.cancel()
      throw sdkError('bad-answer', `${url} sent more than ${maxBytes} bytes.`)
    }
    text += decoder.decode(part.value, { stream: true })
  }
}

function parse(text: string, url: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw sdkError('bad-answer', `${url} sent no JSON.`, { cause })
  }
}

function operatorError(value: unknown, status: number, url: string): Error {
  const error = isObject(value) && isObject(value.error) ? value.error : {}
  const code = typeof error.code === 'string' ? error.code : `HTTP ${status}`
  const message = typeof error.message === 'string' ? error.message : 'no reason given'
  const fix = typeof error.fix === 'string' ? { fix: error.fix.slice(0, MAX_TEXT) } : {}
  return sdkError(
    'operator-error',
    `The operator at ${url} refused (${code.slice(0, 64)}): ${message.slice(0, MAX_TEXT)}`,
    fix,
  )
}

function reason(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  return cause.cause instanceof Error ? cause.cause.message || cause.message : cause.message
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
