import { type IncomingMessage, request } from 'node:http'
import { messageOf } from '@nacre/verify'
import { type Provider, reportDataOf, unavailable } from './evidence.ts'
import { DSTACK_TIMEOUT_MS, MAX_DSTACK_ANSWER } from './limits.ts'

/** What an answer of GetQuote has that evidence needs; `vm_config` and whatever comes later is left out. */
type Quote = { quote: string; event_log: string; report_data: string }

/**
 * dstack's guest agent, JSON over HTTP on a Unix socket (dstack, sdk/curl/api.md): a TDX quote with the log of what
 * was recorded in RTMR3, as verify/src/attest/dstackBundle.ts reads it.
 */
export function dstackProvider(socketPath: string, timeoutMs: number = DSTACK_TIMEOUT_MS): Provider {
  return async (userData, nonce) => {
    const reportData = Buffer.from(reportDataOf(userData, nonce)).toString('hex')
    const answer = await post(socketPath, '/GetQuote', { report_data: reportData }, timeoutMs)
    return Buffer.from(JSON.stringify(quoteOf(answer, reportData)))
  }
}

/** The quote is passed on unread: whoever verifies the evidence checks it. */
function quoteOf(body: Buffer, reportData: string): Quote {
  const { quote, event_log, report_data = reportData } = parse(body)
  if (typeof quote !== 'string' || !/^(0x)?([0-9a-fA-F]{2})+$/.test(quote))
    throw failed('its answer has no quote')
  if (typeof event_log !== 'string') throw failed('its answer has no event log')
  if (report_data !== reportData) throw failed('its quote is not over what was sent')
  return { quote, event_log, report_data: reportData }
}

function parse(body: Buffer): Record<string, unknown> {
  try {
    const answer: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
    if (typeof answer === 'object' && answer !== null) return answer as Record<string, unknown>
  } catch {
    // Told below.
  }
  throw failed('its answer is no JSON object')
}

/** One call on a connection of its own, with a deadline of the whole of it. */
async function post(socketPath: string, path: string, body: object, timeoutMs: number): Promise<Buffer> {
  const text = JSON.stringify(body)
  const headers = { 'content-type': 'application/json', 'content-length': text.length }
  const signal = AbortSignal.timeout(timeoutMs)
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  request({ socketPath, path, method: 'POST', headers, agent: false, signal }, resolve)
    .on('error', reject)
    .end(text)
  try {
    const response = await promise
    const answer = await readBody(response)
    if (response.statusCode !== 200) throw new Error(`it answered with status ${response.statusCode}`)
    return answer
  } catch (cause) {
    throw failed(signal.aborted ? 'it does not answer' : messageOf(cause), cause)
  }
}

async function readBody(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_DSTACK_ANSWER) throw new Error(`an answer of more than ${MAX_DSTACK_ANSWER} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks, size)
}

function failed(reason: string, cause?: unknown): ReturnType<typeof unavailable> {
  return unavailable("dstack's guest agent", reason, cause)
}
