import { type IncomingMessage, request } from 'node:http'
import { parseJson } from '@nacre/verify/shape'
import { printable } from './console.ts'

/** Who dstack says this machine is. */
export type DstackInfo = { appId: string; appName: string }

const MAX_INFO = 1_048_576
const TIMEOUT_MS = 5000

/** `Info` of dstack's guest agent, JSON over HTTP on a Unix socket (dstack, sdk/curl/api.md). @throws Error */
export async function askDstack(socketPath: string): Promise<DstackInfo> {
  const info = parseJson(await post(socketPath, '/Info'), MAX_INFO, 'its answer') as Record<
    string,
    unknown
  > | null
  const { app_id: appId, app_name: appName = '' } = info ?? {}
  if (typeof appId !== 'string' || !/^(0x)?[0-9a-f]{40}$/i.test(appId))
    throw new Error('its answer has no app_id')
  return { appId, appName: typeof appName === 'string' ? printable(appName).slice(0, 64) : '' }
}

async function post(socketPath: string, path: string): Promise<string> {
  const headers = { 'content-type': 'application/json', 'content-length': 2 }
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  request({ socketPath, path, method: 'POST', headers, agent: false, signal }, resolve)
    .on('error', error => reject(signal.aborted ? new Error(`nothing in ${TIMEOUT_MS} ms`) : error))
    .end('{}')
  const response = await promise
  if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}`)
  let text = ''
  for await (const chunk of response.setEncoding('utf8') as AsyncIterable<string>) {
    text += chunk
    if (text.length > MAX_INFO) throw new Error(`more than ${MAX_INFO} characters`)
  }
  return text
}
