import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Hex } from '@nacre/verify'
import { toJson } from '@nacre/verify/bundle'
import { ENCLAVE_HEADER, NONCE_HEADER } from '@nacre/verify/inference'
import { openRequest, SEALED, type SealRecipient } from '@nacre/verify/seal'
import { ApiError, apiAnswer } from './apiErrors.ts'
import type { Attestations } from './attestations.ts'
import { type Bodies, createBodies } from './body.ts'
import { answerChat } from './chat.ts'
import { answerCompletion } from './completion.ts'
import { answerEmbedding } from './embedding.ts'
import { modelList, modelOf } from './modelList.ts'
import { Gone, type Outlet, plainOutlet, sealedOutlet } from './outlet.ts'
import type { Context, Question } from './question.ts'
import { parseStrictJson } from './strictJson.ts'

export type Api = {
  context: Context
  attestations: Attestations
  recipient: SealRecipient
}

/** The one handler of requests, whichever socket they come from. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => void

type Asked = { request: IncomingMessage; path: string; query: URLSearchParams }
type Post = (question: Question, body: unknown) => Promise<void>

const POSTS: Record<string, Post> = {
  '/v1/chat/completions': answerChat,
  '/v1/completions': answerCompletion,
  '/v1/embeddings': answerEmbedding,
}

/** Version, ephemeral key and tag of a sealed body. */
const SEAL_OVERHEAD = 1 + 32 + 16

export function createHandler(api: Api): Handler {
  const bodies = createBodies()
  const last = new WeakMap<IncomingMessage['socket'], ServerResponse>()
  return (request, response) => {
    const before = last.get(request.socket)
    last.set(request.socket, response)
    // Pipelined (RFC 9112, 9.3.2): each answer would be made and held, however many a client asks for and reads none of.
    if (before && !before.writableEnded) return void request.socket.destroy()
    const outlet = plainOutlet(response)
    response.setHeader('cache-control', 'no-store')
    serve(api, bodies, outlet, request).catch(error => answerError(api, outlet, response, error))
  }
}

async function serve(api: Api, bodies: Bodies, outlet: Outlet, request: IncomingMessage): Promise<void> {
  const { path, query } = placeOf(request)
  const post = Object.hasOwn(POSTS, path) ? POSTS[path] : undefined
  if (!post) return await sendJson(outlet, 200, await read(api, { request, path, query }))
  requireMethod(request, 'POST')
  const sealed = isSealed(request)
  const nonce = nonceOf(request)
  if (sealed) requireOwn(api, request, nonce)
  const { maxInput } = api.context.config
  const { body, release } = await bodies.read(request, maxInput + (sealed ? SEAL_OVERHEAD : 0))
  try {
    if (sealed) return await serveSealed(api, { path, nonce: nonce as Hex, sealed: body, post, outlet })
    const question = { context: api.context, body, outlet, nonce: nonce && { value: nonce } }
    await post(question, parseStrictJson(body))
  } finally {
    release()
  }
}

/** What is only read. */
async function read({ context, attestations }: Api, { request, path, query }: Asked): Promise<unknown> {
  const [, name = '', id = ''] = /^\/v1\/(models|receipts|signature|attestation)(?:\/(.+))?$/.exec(path) ?? []
  if (name === '' || (name !== 'models' && id === '') || (name === 'attestation' && id !== 'report'))
    throw new ApiError('unknown_url', 'there is no such call here')
  requireMethod(request, 'GET')
  if (name === 'models') return id === '' ? modelList(context) : modelOf(context, id)
  if (name === 'attestation') return toJson(await attestations.report(query))
  if (name === 'receipts') return toJson({ ...context.book.find(id), ...(await attestations.recent()) })
  const { text, signature } = context.book.signature(id)
  return { text, signature, signing_address: context.receiptKey, signing_algo: 'ecdsa' }
}

type Sealed = { path: string; nonce: Hex; sealed: Buffer; post: Post; outlet: Outlet }

/** From here on everything that the client is told is sealed to it, errors too. */
async function serveSealed(api: Api, { path, nonce, sealed, post, outlet: plain }: Sealed): Promise<void> {
  const { context, recipient } = api
  const { receiptKey } = context
  const opened = await openRequest({ path, nonce, receiptKey, recipient, sealed }).catch(cause => {
    throw new ApiError('seal_invalid', 'the sealed body does not open: seal it anew', null, cause)
  })
  const held = context.nonces.hold(nonce)
  const outlet = sealedOutlet(plain, opened, { status: 200, headers: { 'content-type': SEALED } })
  try {
    const question = { context, body: opened.body, outlet, nonce: { value: nonce, held } }
    await post(question, parseStrictJson(opened.body))
  } catch (error) {
    await sendError(api, outlet, error)
  } finally {
    // Refused before the engine had it: otherwise it is used by now.
    held.drop()
  }
}

/** @throws ApiError nonce_required, nonce_used, wrong_enclave, before a byte of the body is read */
function requireOwn({ context }: Api, { headers }: IncomingMessage, nonce: Hex | undefined): void {
  const { receiptKey } = context
  const named = headers[ENCLAVE_HEADER]
  if (named !== undefined && named !== receiptKey)
    throw new ApiError('wrong_enclave', `this enclave is ${receiptKey}`, ENCLAVE_HEADER)
  if (nonce === undefined)
    throw new ApiError('nonce_required', `a sealed body needs ${NONCE_HEADER}`, NONCE_HEADER)
  context.nonces.require(nonce)
}

function placeOf({ url = '' }: IncomingMessage): { path: string; query: URLSearchParams } {
  const [path = '', ...rest] = url.split('?')
  return { path: decoded(path), query: new URLSearchParams(rest.join('?')) }
}

/** Names of models may have slashes, which clients write as %2F. */
function decoded(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch (cause) {
    throw new ApiError('unknown_url', 'the path is not well-formed', null, cause)
  }
}

function requireMethod({ method }: IncomingMessage, wanted: string): void {
  if (method !== wanted) throw new ApiError('method_not_allowed', `this call is a ${wanted}`)
}

/** @throws ApiError unsupported_media_type */
function isSealed({ headers }: IncomingMessage): boolean {
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase()
  const plain = headers['content-encoding'] === undefined
  if (plain && (type === SEALED || type === 'application/json')) return type === SEALED
  throw new ApiError('unsupported_media_type', `send application/json, or ${SEALED}, without an encoding`)
}

/** @throws ApiError invalid_value */
function nonceOf({ headers }: IncomingMessage): Hex | undefined {
  const nonce = headers[NONCE_HEADER]
  if (nonce === undefined || /^0x[0-9a-f]{64}$/.test(`${nonce}`)) return nonce as Hex | undefined
  throw new ApiError('invalid_value', `${NONCE_HEADER} must be 32 bytes of lower-case 0x hex`, NONCE_HEADER)
}

async function sendJson(outlet: Outlet, status: number, value: unknown, retryAfter?: number): Promise<void> {
  const bytes = Buffer.from(JSON.stringify(value))
  const headers = {
    'content-type': 'application/json',
    ...(retryAfter !== undefined && { 'retry-after': `${retryAfter}` }),
  }
  outlet.open({ status, headers }, bytes.length)
  await outlet.write(bytes)
  await outlet.end()
}

/** Nothing for a client that is gone, or whose answer has begun. */
async function sendError({ context }: Api, outlet: Outlet, error: unknown): Promise<void> {
  if (outlet.gone.aborted || error instanceof Gone) return
  const { status, body } = apiAnswer(error)
  if (status >= 500) context.onError(error)
  if (outlet.opened()) throw error
  await sendJson(outlet, status, body, status === 429 ? context.load.retryAfter() : undefined)
}

function answerError(api: Api, outlet: Outlet, response: ServerResponse, error: unknown): void {
  // What is left of a body is read and dropped by Node, as long as a request may take: a connection that ends at once
  // would take the answer with it.
  sendError(api, outlet, error).catch(() => response.destroy())
}
