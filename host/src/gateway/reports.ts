import type { IncomingMessage } from 'node:http'
import { parseAnswerId } from '@nacre/verify/inference'
import { createLimit } from '../common/limit.ts'
import { ApiError } from '../inference/apiErrors.ts'
import { bodyOf, passOn } from '../inference/exchange.ts'
import type { Backend } from './backend.ts'
import { type Call, sendTo } from './call.ts'
import type { Pool } from './pool.ts'

export type ReportsOptions = { pool: Pool; timeoutMs: number }

const MAX_REPORT = 1_048_576
/** Each asks all enclaves for evidence. */
const limited = createLimit(8, 64)

/** Attestations of all enclaves, or of those with a model or a key: the first, and all of them beside it. @throws ApiError */
export async function answerReport(
  options: ReportsOptions,
  call: Call,
  query: URLSearchParams,
): Promise<void> {
  const [model, address] = [query.get('model') ?? undefined, query.get('signing_address') ?? undefined]
  const backends = options.pool.of({ model, enclave: address })
  if (backends.length === 0 && options.pool.serving().length > 0)
    throw new ApiError('not_found', 'No enclave with this model and this address serves here.')
  const all = await limited(() =>
    Promise.all(backends.map(backend => reportOf(options, call, backend))),
  ).catch(() => {
    throw new ApiError('too_busy', 'Many attestations are being made.')
  })
  const reports = all.filter(report => report !== undefined)
  if (reports.length === 0) throw new ApiError('no_enclave', 'No enclave answers at the moment.')
  const body = JSON.stringify({ ...reports[0], attestations: reports })
  call.outgoing
    .writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
    .end(body)
}

async function reportOf(
  { timeoutMs }: ReportsOptions,
  call: Call,
  backend: Backend,
): Promise<object | undefined> {
  try {
    const answer = await sendTo(backend, call, { silenceMs: timeoutMs })
    if (answer.statusCode !== 200) return void answer.destroy()
    const report: unknown = JSON.parse((await bodyOf(answer, MAX_REPORT)).toString())
    return typeof report === 'object' && report !== null ? report : undefined
  } catch {
    // The others' are told.
    return undefined
  }
}

/**
 * What an enclave says of an answer that it gave, a receipt or a signature: the id names whom to ask; of a bare request
 * id all are asked, one after the other. @throws ApiError
 */
export async function answerById({ pool, timeoutMs }: ReportsOptions, call: Call, id: string): Promise<void> {
  const digits = parseAnswerId(id)?.enclave
  const asked = pool
    .serving()
    .filter(({ enclave }) => digits === undefined || enclave.slice(2, 10) === digits)
  let found: IncomingMessage | undefined
  for (const backend of asked) {
    found?.destroy()
    found = await sendTo(backend, call, { silenceMs: timeoutMs }).catch(() => undefined)
    if (found?.statusCode === 200) break
  }
  if (found) return await passOn(found, call.outgoing)
  if (digits !== undefined && asked.length === 0)
    throw new ApiError(
      'enclave_gone',
      'The enclave that gave this answer serves here no more, and took its receipts with it.',
    )
  throw new ApiError('no_enclave', 'No enclave answers at the moment.')
}
