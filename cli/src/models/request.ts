import { badAnswer, unavailable } from './errors.ts'
import { redirectedUrl, type Source } from './source.ts'

/** What a server said, after redirects. */
export type Reply = {
  status: number
  body: AsyncIterable<Uint8Array>
  /** For whoever does not read the body. */
  cancel: () => void
  length: number | undefined
  range: { start: number; end: number; total: number } | undefined
  /** A strong validator, with its quotes. */
  etag: string | undefined
  /** The hub's word for the file, on the way: its length and SHA-256. */
  linkedSize: number | undefined
  linkedDigest: string | undefined
}

type RequestOptions = {
  signal: AbortSignal
  stallMs?: number
  /** Asks for the file from there on, if it is this version still. */
  resume: { at: number; etag: string } | undefined
}

const REDIRECTS = 5
const STALL_MS = 60_000
/** Statuses after which the same request may succeed. */
const BUSY = new Set([408, 429, 500, 502, 503, 504])

/**
 * One GET, with at most five redirects; a body that falls silent is an error.
 * @throws CliError service-unavailable, service-bad-answer
 */
export async function request(source: Source & { type: 'url' }, options: RequestOptions): Promise<Reply> {
  const { signal, stallMs = STALL_MS, resume } = options
  const silence = new AbortController()
  const stop = new AbortController()
  let timer = setTimeout(() => silence.abort(), stallMs)
  const awake = (): void => {
    clearTimeout(timer)
    timer = setTimeout(() => silence.abort(), stallMs)
  }
  const cancel = (): void => {
    clearTimeout(timer)
    stop.abort()
  }
  const headers: Record<string, string> = { 'accept-encoding': 'identity' }
  if (resume) Object.assign(headers, { range: `bytes=${resume.at}-`, 'if-range': resume.etag })
  try {
    const { response, linked } = await follow(source, {
      headers,
      signal: AbortSignal.any([signal, silence.signal, stop.signal]),
    })
    const body = watched(source.url, response, awake, () => clearTimeout(timer))
    return { ...factsOf(source.url, response), ...linked, body, cancel }
  } catch (error) {
    cancel()
    throw networkError(source.url, error)
  }
}

type Linked = { linkedSize: number | undefined; linkedDigest: string | undefined }

async function follow(
  { url, isHub }: Source & { type: 'url' },
  init: RequestInit,
): Promise<{ response: Response; linked: Linked }> {
  const linked: Linked = { linkedSize: undefined, linkedDigest: undefined }
  let at = url
  for (let hops = 0; hops <= REDIRECTS; hops++) {
    const response = await fetch(at, { ...init, redirect: 'manual' })
    // Only of the hub itself, not of where it sends one.
    if (isHub && hops === 0) {
      linked.linkedDigest = /^"?([0-9a-f]{64})"?$/.exec(response.headers.get('x-linked-etag') ?? '')?.[1]
      linked.linkedSize = wholeNumber(response.headers.get('x-linked-size'))
    }
    const location = response.headers.get('location')
    if (response.status < 300 || response.status >= 400 || location === null) return { response, linked }
    await response.body?.cancel()
    at = redirectedUrl(location, at).href
  }
  throw badAnswer(url, `it sends on more than ${REDIRECTS} times`)
}

function factsOf(url: string, { status, headers }: Response): Omit<Reply, 'body' | 'cancel' | keyof Linked> {
  if (BUSY.has(status)) throw unavailable(url, `status ${status}`)
  const encoding = headers.get('content-encoding')
  if (encoding !== null && encoding !== 'identity')
    throw badAnswer(url, `it sends the file encoded (${encoding.slice(0, 40)}), which was not asked for`)
  const [, start, end, total] =
    /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(headers.get('content-range') ?? '') ?? []
  const etag = headers.get('etag')
  return {
    status,
    length: wholeNumber(headers.get('content-length')),
    range: total === undefined ? undefined : { start: Number(start), end: Number(end), total: Number(total) },
    etag: etag !== null && /^"[\x21\x23-\x7e]{0,256}"$/.test(etag) ? etag : undefined,
  }
}

/** The body of an answer that brings one. */
async function* watched(
  url: string,
  { status, body }: Response,
  awake: () => void,
  done: () => void,
): AsyncGenerator<Uint8Array> {
  try {
    if (status === 416) return await body?.cancel()
    for await (const chunk of body ?? []) {
      awake()
      yield chunk
    }
  } catch (error) {
    throw networkError(url, error)
  } finally {
    done()
  }
}

function networkError(url: string, error: unknown): unknown {
  if (!(error instanceof Error) || 'fix' in error) return error
  if (error.name === 'AbortError') return unavailable(url, 'it has fallen silent')
  const cause = error.cause instanceof Error ? error.cause.message : undefined
  return unavailable(url, cause || error.message)
}

function wholeNumber(text: string | null): number | undefined {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}
