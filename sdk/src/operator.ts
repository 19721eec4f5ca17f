import type { Hex, ReceiptBundle } from '@nacre/verify'
import { parseBundle } from '@nacre/verify'
import { sdkError } from './errors.ts'

export type HttpOptions = {
  /** The operator's HTTP address, such as http://127.0.0.1:8645. */
  url: string
  /** Another fetch, for example of a proxy. */
  fetch?: typeof fetch
  /** Milliseconds for one call; default 30,000. */
  timeoutMs?: number
}

/** Larger answers are refused: outputs are bounded far below. */
const MAX_BODY = 64 * 1024 * 1024

/**
 * The receipt bundle of an answered relay request, or undefined while the operator has none. It is not verified:
 * pass it to verifyReceipt.
 * @throws NacreError unreachable, operator-error, bad-answer
 */
export async function fetchBundle(options: HttpOptions & { id: Hex }): Promise<ReceiptBundle | undefined> {
  const answer = await call(options, `/v1/requests/${options.id}`, undefined, [404])
  const bundle = isObject(answer) ? answer.bundle : undefined
  return bundle === undefined || bundle === null ? undefined : bundleOf(bundle)
}

/** Asks an operator directly; the bundle is not verified. */
export async function postInfer(
  options: HttpOptions & { nonce: Hex; artifact: Hex; input: Hex },
): Promise<ReceiptBundle> {
  const { nonce, artifact, input } = options
  return bundleOf(await call(options, '/v1/infer', { nonce, artifact, input }))
}

/** The enclave's identity with evidence over `nonce`, as JSON; nothing of it is verified. */
export async function getAttestation(options: HttpOptions & { nonce: Hex }): Promise<unknown> {
  return call(options, `/v1/attestation?nonce=${options.nonce}`)
}

/** Artifacts that the operator serves, as JSON. */
export async function getArtifacts(options: HttpOptions): Promise<unknown> {
  return call(options, '/v1/artifacts')
}

function bundleOf(value: unknown): ReceiptBundle {
  try {
    return parseBundle(value)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw sdkError('bad-answer', `The operator sent no receipt bundle: ${why}`, { cause })
  }
}

async function call(
  options: HttpOptions,
  path: string,
  body?: object,
  absent: number[] = [],
): Promise<unknown> {
  const { url, timeoutMs = 30_000 } = options
  const send = options.fetch ?? fetch
  const post = body && {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  }
  const response = await send(new URL(path, url), { ...post, signal: AbortSignal.timeout(timeoutMs) }).catch(
    cause => {
      throw sdkError('unreachable', `${url}${path} does not answer: ${reason(cause)}.`, { cause })
    },
  )
  if (absent.includes(response.status)) return undefined
  const value = parse(await readText(response, url), url)
  if (!response.ok) throw operatorError(value, response.status, url)
  return value
}

async function readText(response: Response, url: string): Promise<string> {
  const decoder = new TextDecoder()
  let [text, size] = ['', 0]
  for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += part.length
    if (size > MAX_BODY) throw sdkError('bad-answer', `${url} sent more than ${MAX_BODY} bytes.`)
    text += decoder.decode(part, { stream: true })
  }
  return text + decoder.decode()
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
  const fix = typeof error.fix === 'string' ? { fix: error.fix } : {}
  return sdkError('operator-error', `The operator at ${url} refused (${code}): ${message}`, fix)
}

function reason(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause)
  return cause.cause instanceof Error ? cause.cause.message || cause.message : cause.message
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
