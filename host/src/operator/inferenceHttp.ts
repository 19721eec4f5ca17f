import { type ClientRequest, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { type Context, Hono } from 'hono'
import { asSocket } from '../channelAgent.ts'
import { firstLine } from '../common/errors.ts'
import { ApiError, sayError } from '../inference/apiErrors.ts'
import { POSTS, requestHeaders, SEAL_OVERHEAD } from '../inference/calls.ts'
import { bodyOf, goneSignal, headOf, passOn } from '../inference/exchange.ts'
import type { Serving } from './enclaves.ts'

export type InferenceHttpOptions = {
  enclave: () => Serving | undefined
  release: unknown
  maxInput: number
  /** Calls in the enclave at a time. */
  most: number
  onFailed: (reason: string) => void
}

type Bound = { Bindings: HttpBindings }

/** An attestation has evidence of at most 16 KiB and a configuration of at most 16. */
const MAX_REPORT = 262_144

/**
 * The OpenAI API of the enclave that serves: calls and answers pass byte for byte, both ways as fast as the slower side
 * takes them, and nothing is kept. Errors of this host have OpenAI's form: docs/inference.md, API.
 */
export function createInferenceHttp(options: InferenceHttpOptions): Hono<Bound> {
  const app = new Hono<Bound>()
  const open = { calls: 0 }
  const pass = (context: Context<Bound>) => answer(options, open, context.env, passAnswer)
  app.get('/v1/models', pass)
  app.get('/v1/models/:id{.+}', pass)
  app.get('/v1/receipts/:id', pass)
  app.get('/v1/signature/:id', pass)
  for (const path of POSTS) app.post(path, pass)
  app.get('/v1/attestation/report', context =>
    answer(options, open, context.env, (head, outgoing) => addRelease(head, outgoing, options.release)),
  )
  return app
}

type Write = (head: IncomingMessage, outgoing: ServerResponse) => Promise<void>
const passAnswer: Write = (head, outgoing) => passOn(head, outgoing)

/** Sends a call to the enclave and has its answer written; it is in the enclave for as long. */
async function answer(
  options: InferenceHttpOptions,
  open: { calls: number },
  { incoming, outgoing }: HttpBindings,
  write: Write,
): Promise<Response> {
  const request = incoming as IncomingMessage
  const response = outgoing as ServerResponse
  open.calls++
  let leave: (() => void) | undefined
  try {
    if (open.calls > options.most)
      throw new ApiError('too_busy', `${options.most} calls are open at this operator.`)
    if (request.method === 'POST') checkLength(request, options.maxInput)
    const enclave = options.enclave()
    if (!enclave) throw new ApiError('not_ready', 'No enclave is serving at the moment.')
    leave = enclave.open.enter()
    await write(await ask(enclave, request, goneSignal(response)), response)
  } catch (error) {
    if (!(error instanceof ApiError)) options.onFailed(firstLine(error))
    sayError(response, apiError(error))
  } finally {
    leave?.()
    open.calls--
  }
  return RESPONSE_ALREADY_SENT
}

/** A connection a call: one that was idle might end while it is sent, and no call may be sent twice. */
async function ask(enclave: Serving, incoming: IncomingMessage, gone: AbortSignal): Promise<IncomingMessage> {
  const stream = await enclave.connect('api')
  const { method = 'GET', url = '/', headers } = incoming
  const length = headers['content-length']
  const call: ClientRequest = request({
    method,
    path: url,
    createConnection: () => asSocket(stream),
    headers: { ...requestHeaders(headers), ...(length !== undefined && { 'content-length': length }) },
  })
  call.once('close', () => stream.destroy())
  return headOf(call, method === 'POST' ? incoming : undefined, gone)
}

/** Node reads no more than is announced; the enclave bounds what is in a sealed body. */
function checkLength({ headers }: IncomingMessage, maxInput: number): void {
  const announced = headers['content-length']
  if (announced === undefined || headers['transfer-encoding'] !== undefined)
    throw new ApiError('length_required', 'The body has no content-length.')
  if (Number(announced) > maxInput + SEAL_OVERHEAD)
    throw new ApiError('request_too_large', `A body has at most ${maxInput} bytes.`)
}

/** The operator's part of an attestation: what the enclave's configuration binds by its hash. */
async function addRelease(head: IncomingMessage, outgoing: ServerResponse, release: unknown): Promise<void> {
  if (head.statusCode !== 200) return await passOn(head, outgoing)
  const report: unknown = JSON.parse((await bodyOf(head, MAX_REPORT)).toString())
  const body = JSON.stringify({ ...(report as object), release })
  outgoing
    .writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
    .end(body)
}

/** A connection that broke is an enclave that ended, or ends: another serves soon. */
function apiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError('not_ready', 'The enclave ended the connection.')
}
