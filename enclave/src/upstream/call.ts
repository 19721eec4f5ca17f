import { type IncomingMessage, request } from 'node:http'
import { messageOf } from '@nacre/verify'
import { EngineError } from '../inference/languageEngine.ts'

/** Longest time without a byte, before and in an answer, milliseconds. */
const IDLE_LIMIT_MS = 120_000
const MAX_REFUSAL = 65_536

/**
 * POSTs to the engine and gives its answer's body, once its status says that it is one.
 * @throws EngineError context-length-exceeded, queue-full, engine-failed; what the signal was aborted with
 */
export async function callUpstream(
  address: string,
  path: string,
  body: unknown,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const response = await send(address, path, JSON.stringify(body), signal)
  if (response.statusCode === 200) return response
  throw await refusal(response)
}

function send(address: string, path: string, body: string, signal: AbortSignal): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
  const call = request({ ...placeOf(address), path, method: 'POST', headers, signal, agent: false }, resolve)
  call.on('error', cause => reject(signal.aborted ? signal.reason : failed(messageOf(cause), cause)))
  call.setTimeout(IDLE_LIMIT_MS, () => call.destroy(new Error(`silent for ${IDLE_LIMIT_MS} ms`)))
  call.end(body)
  return promise
}

function placeOf(address: string): { socketPath: string } | { host: string; port: number } {
  if (address.startsWith('unix:')) return { socketPath: address.slice('unix:'.length) }
  return { host: '127.0.0.1', port: Number(new URL(address).port) }
}

/** Its text may repeat the prompt: it goes to the client and into no log. */
async function refusal(response: IncomingMessage): Promise<EngineError> {
  const { statusCode = 0 } = response
  const text = await readAll(response, MAX_REFUSAL).then(String, () => '')
  if (statusCode === 429) return new EngineError('queue-full', 'the engine has too many requests')
  if (statusCode === 400 && /context/i.test(text))
    return new EngineError(
      'context-length-exceeded',
      'the engine says that the prompt is too long for the context',
    )
  if (statusCode === 400) return new EngineError('unsupported-model', 'the engine refuses a parameter')
  return failed(`status ${statusCode}`)
}

/** @throws Error when it is longer */
export async function readAll(response: IncomingMessage, max: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > max) throw new Error(`an answer of more than ${max} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

export function failed(reason: string, cause?: unknown): EngineError {
  return new EngineError('engine-failed', `the engine: ${reason}`, cause)
}
