import type { IncomingMessage } from 'node:http'
import { firstLine } from '../common/errors.ts'
import { ApiError } from '../inference/apiErrors.ts'
import { bodyOf, passOn } from '../inference/exchange.ts'
import type { Backend } from './backend.ts'
import type { Budget } from './budget.ts'
import { type Call, sendTo } from './call.ts'
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
 * Returns the units that its receipt says. @throws ApiError
 */
export async function answerPlain(options: PlainOptions, call: Call): Promise<number> {
  const { length, give } = take(options, call)
  try {
    const body = await bodyOf(call.incoming, length)
    const model = modelOf(body)
    const head = await firstHead(options, call, body, model)
    // From the first byte on nobody else can answer.
    give()
    const { answer, leave } = head
    try {
      const reader = readUnits(answer.headers)
      await passOn(answer, call.outgoing, { see: reader.see })
      return answer.statusCode === 200 ? reader.units() : 0
    } finally {
      leave()
    }
  } finally {
    give()
  }
}

/** Room for the body as long as it may be sent again. */
function take({ budget, maxBody }: PlainOptions, { incoming }: Call): { length: number; give: () => void } {
  const length = announcedLength(incoming, maxBody)
  const give = budget.take(length)
  if (!give)
    throw new ApiError('too_busy', 'So many bytes of other calls are held that this one has no room.')
  return { length, give }
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
  const tried: Backend[] = []
  // Each time anew: who serves may have changed while one was waited for.
  const left = () => candidatesFor(options.pool, call, model).filter(one => !tried.includes(one))
  for (let [backend] = left(); backend && tried.length < MAX_ATTEMPTS; [backend] = left()) {
    tried.push(backend)
    const head = await attempt(options, call, body, backend)
    const isLast = left().length === 0 || tried.length === MAX_ATTEMPTS
    if (head && (isLast || !ELSEWHERE.includes(head.answer.statusCode ?? 0))) return head
    if (head) refuse(options, head, backend)
  }
  throw new ApiError('no_enclave', 'No enclave with this model answers at the moment.')
}

function candidatesFor(pool: Pool, { incoming }: Call, model: string): Backend[] {
  const enclave = incoming.headers['x-nacre-enclave']
  const candidates = pool.of({ model, enclave: typeof enclave === 'string' ? enclave : undefined })
  if (candidates.length > 0) return candidates
  if (typeof enclave === 'string')
    throw new ApiError('enclave_gone', 'The enclave that x-nacre-enclave names serves no such model here.')
  if (pool.serving().length === 0) throw new ApiError('no_enclave', 'No enclave serves at the moment.')
  throw new ApiError(
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
