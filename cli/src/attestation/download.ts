import { setTimeout as sleep } from 'node:timers/promises'
import { CliError } from '../errors.ts'

/** An answer with status 200, whole and within its bounds. */
export type Answer = { bytes: Uint8Array; headers: Headers }

export type DownloadOptions = {
  /** What is asked for, in a few words for people. */
  what: string
  /** Of one attempt, from the request to the last byte. */
  timeoutMs: number
  /** Larger answers are refused, decompressed ones too. */
  maxBytes: number
  /** A line of progress. */
  say: (text: string) => void
}

const ATTEMPTS = 4
/** Statuses after which the same request may succeed. */
const BUSY = new Set([429, 500, 502, 503, 504])
/** A service that wants to be left alone for longer is not waited for. */
const MAX_WAIT_SECONDS = 60

/**
 * Gets an answer of a vendor's service: bounded in time and size, no redirects. A service that is busy is asked again,
 * when it says so (`Retry-After`).
 * @throws CliError service-unavailable, service-bad-answer
 */
export async function download(url: string, options: DownloadOptions): Promise<Answer> {
  for (let attempt = 1; ; attempt++) {
    const { status, headers, bytes } = await get(url, options)
    if (status === 200) return { bytes, headers }
    if (!BUSY.has(status)) throw refused(url, options.what, status, headers)
    const seconds = secondsToWait(headers.get('retry-after'), attempt)
    if (attempt === ATTEMPTS || seconds > MAX_WAIT_SECONDS) throw busy(url, status, attempt, seconds)
    options.say(`${options.what}: status ${status}, asked again in ${seconds} s`)
    await sleep(1000 * seconds)
  }
}

async function get(
  url: string,
  { timeoutMs, maxBytes }: DownloadOptions,
): Promise<Answer & { status: number }> {
  // The deadline covers the body too: its signal ends a body that drips.
  const signal = AbortSignal.timeout(timeoutMs)
  try {
    const response = await fetch(url, { redirect: 'manual', signal })
    const { status, headers } = response
    if (status === 200) return { status, headers, bytes: await readBody(response, url, maxBytes) }
    await response.body?.cancel()
    return { status, headers, bytes: new Uint8Array(0) }
  } catch (error) {
    if (error instanceof CliError) throw error
    throw new CliError('service-unavailable', {
      what: `${url} does not answer`,
      why: signal.aborted ? `nothing, or not all of it, within ${timeoutMs / 1000} s` : reasonOf(error),
      fix: 'check the address and the connection; --timeout gives it longer. Nothing was written.',
    })
  }
}

async function readBody({ body }: Response, url: string, maxBytes: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of body ?? []) {
    size += part.length
    if (size > maxBytes) throw badAnswer(url, `it has more than ${maxBytes} bytes`)
    parts.push(part)
  }
  return new Uint8Array(Buffer.concat(parts))
}

/** As the service says, in seconds or as a date (RFC 9110, section 10.2.3); otherwise twice as long every time. */
function secondsToWait(header: string | null, attempt: number): number {
  if (header !== null && /^\d{1,9}$/.test(header)) return Number(header)
  const until = header === null ? Number.NaN : Date.parse(header)
  return Number.isNaN(until) ? 2 ** (attempt - 1) : Math.max(0, Math.ceil((until - Date.now()) / 1000))
}

/** What is not what was asked for. */
export function badAnswer(url: string, why: string): CliError {
  return new CliError('service-bad-answer', {
    what: `the answer of ${url} cannot be used`,
    why,
    fix: 'check that the address is the service, and that nothing between rewrites its answers. Nothing was written.',
  })
}

function refused(url: string, what: string, status: number, headers: Headers): CliError {
  const location = headers.get('location')
  if (location !== null && status >= 300 && status < 400)
    return badAnswer(url, `status ${status}, a redirect to ${location.slice(0, 200)}: none is followed`)
  // Intel's service says more in a header.
  const detail = headers.get('error-message')
  const why = `status ${status}${detail ? `: ${detail.slice(0, 200)}` : ''}`
  if (status !== 404) return badAnswer(url, why)
  return new CliError('service-bad-answer', {
    what: `${url} has no ${what}`,
    why: `${why}: the service knows no such machine`,
    fix: 'the evidence may be forged, of a machine that is not for sale, or too new. Nothing was written.',
  })
}

function busy(url: string, status: number, attempts: number, seconds: number): CliError {
  return new CliError('service-unavailable', {
    what: `${url} is too busy`,
    why: `status ${status} after ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`,
    fix: `try again in ${seconds} s. Nothing was written.`,
  })
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message || error.message : error.message
}
