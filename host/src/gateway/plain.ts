import type { IncomingMessage } from 'node:http'
import { firstLine } from '../common/errors.ts'
import { ApiError } from '../inference/apiErrors.ts'
import { passOn } from '../inference/exchange.ts'
import type { Backend } from './backend.ts'
import type { Budget, Held } from './budget.ts'
import { type Call, sendTo } from './call.ts'
import type { Usage } from './keys.ts'
import type { Pool } from './pool.ts'
import { readUnits } from './unitsOf.ts'

export type PlainOptions = {
  pool: Pool
  budget: Budget
  maxBody: number
  silenceMs: number
  onRetry: (reason: string) => void
}

/** Enclaves that one call is given to, one after the other. */
const MAX_ATTEMPTS = 3
/** Answers of an operator that another one may not give: it is full, or does not serve. */
const ELSEWHERE = [429, 503]

/**
 * Answers a call whose body anyone can read: by an enclave with its model, or by another where there is no answer yet.
 * Counts the units that its receipt says, or what came of an answer that was cut off. @throws ApiError
 */
export async function answerPlain(options: PlainOptions, call: Call, used: Usage): Promise<void> {
  const { answer, leave } = await begun(options, call)
  const reader = readUnits(answer.headers)
  try {
    await passOn(answer, call.outgoing, { see: reader.see })
  } finally {
    // Whoever leaves before the receipt has had what is before it.
    if (answer.statusCode === 200) used.units += reader.units()
    leave()
  }
}

/** An answer that has begun: from then on nobody else can give it, and the body is held no longer. */
async function begun(options: PlainOptions, call: Call): Promise<Head> {
  announcedLength(call.incoming, options.maxBody)
  const held = options.budget.open()
  try {
    const body = await bodyFrom(call, held)
    return await firstHead(options, call, body, modelOf(body))
  } finally {
    held.close()
  }
}

/** What has come is counted, not what was announced: promises would keep others out. @throws ApiError too_busy */
async function bodyFrom({ incoming }: Call, held: Held): Promise<Buffer> {
  const pieces: Buffer[] = []
  // A refusal in the middle has to be told: the request is not ended with it.
  for await (const piece of incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    if (!held.take(piece.length))
      throw new ApiError('too_busy', 'So many bytes of other calls are held that this one has no room.')
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

/** @throws ApiError length_required, request_too_large */
export function announcedLength({ headers }: IncomingMessage, most: number): number {
  const announced = headers['content-length']
  if (announced === undefined || headers['transfer-encoding'] !== undefined)
    throw new ApiError('length_required', 'The body has no content-length.')
  if (Number(announced) > most) throw new ApiError('request_too_large', `A body has at most ${most} bytes.`)
  return Number(announced)
}

/** All that is read of it; the enclave judges the rest. */
function modelOf(body: Buffer): string {
  let model: unknown
  try {
    model = (JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as { model?: unknown })?.model
  } catch {
    throw new ApiError('invalid_json', 'The body is not JSON in UTF-8.')
  }
  if (typeof model === 'string') return model
  throw new ApiError('invalid_value', 'The body names no model.')
}

type Head = { answer: IncomingMessage; leave: () => void }

async function firstHead(options: PlainOptions, call: Call, body: Buffer, model: string): Promise<Head> {
  const { 'x-nacre-enclave': named } = call.incoming.headers
  const wanted = { model, enclave: typeof named === 'string' ? named : undefined }
  const tried: Backend[] = []
  // Each time anew: who serves may have changed while one was waited for.
  const left = () => options.pool.of(wanted).filter(one => !tried.includes(one))
  for (let [backend] = left(); backend && tried.length < MAX_ATTEMPTS; [backend] = left()) {
    tried.push(backend)
    const head = await attempt(options, call, body, backend)
    const isElsewhere = head && ELSEWHERE.includes(head.answer.statusCode ?? 0)
    // An answer is one also when its enclave was replaced in the meantime.
    if (head && (!isElsewhere || left().length === 0 || tried.length === MAX_ATTEMPTS)) return head
    if (head) refuse(options, head, backend)
  }
  if (options.pool.of(wanted).length === 0) throw nobody(options.pool, wanted.enclave)
  throw new ApiError('no_enclave', 'No enclave with this model answers at the moment.')
}

function nobody(pool: Pool, enclave: string | undefined): ApiError {
  if (enclave !== undefined)
    return new ApiError('enclave_gone', 'The enclave that x-nacre-enclave names serves no such model here.')
  if (pool.serving().length === 0) return new ApiError('no_enclave', 'No enclave serves at the moment.')
  return new ApiError(
    'model_not_found',
    'No enclave here serves this model: GET /v1/models lists those that are.',
  )
}

async function attempt(
  { silenceMs, onRetry }: PlainOptions,
  call: Call,
  body: Buffer,
  backend: Backend,
): Promise<Head | undefined> {
  const leave = backend.open.enter()
  try {
    return { answer: await sendTo(backend, call, { silenceMs, body, length: body.length }), leave }
  } catch (error) {
    leave()
    if (call.gone.aborted) throw error
    backend.suspect()
    onRetry(firstLine(error))
    return undefined
  }
}

/** It is full, or does not serve: another one may. */
function refuse({ onRetry }: PlainOptions, { answer, leave }: Head, backend: Backend): void {
  if (answer.statusCode === 503) backend.suspect()
  onRetry(`status ${answer.statusCode}`)
  answer.destroy()
  leave()
}
