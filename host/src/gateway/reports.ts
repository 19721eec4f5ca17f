import type { IncomingMessage } from 'node:http'
import { parseAnswerId } from '@nacre/verify/inference'
import { ApiError } from '../inference/apiErrors.ts'
import { bodyOf, passOn } from '../inference/exchange.ts'
import type { Backend } from './backend.ts'
import { type Call, sendTo } from './call.ts'
import type { Pool } from './pool.ts'

export type ReportsOptions = { pool: Pool; timeoutMs: number }

const MAX_REPORT = 1_048_576
/** After the first attestation the others are waited for so long: one operator that says nothing keeps nobody from the rest. */
const GRACE_MS = 3_000

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
  const reports = await reportsOf(options, call, backends)
  if (reports.length === 0) throw new ApiError('no_enclave', 'No enclave answers at the moment.')
  const body = JSON.stringify({ ...reports[0], attestations: reports })
  call.outgoing
    .writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
    .end(body)
}

/** Those that came, in the order of `backends`, until all did or time is up; calls that are still open then end. */
async function reportsOf({ timeoutMs }: ReportsOptions, call: Call, backends: Backend[]): Promise<object[]> {
  const reports: (object | undefined)[] = []
  const over = new AbortController()
  const end = () => over.abort(new Error('the others were not waited for'))
  let timer = setTimeout(end, timeoutMs)
  const ended = new Promise<void>(resolve => over.signal.addEventListener('abort', () => resolve()))
  const gone = AbortSignal.any([call.gone, over.signal])
  const asked = backends.map(async (backend, index) => {
    const report = await reportOf({ ...call, gone }, backend, timeoutMs)
    if (report === undefined) return
    if (reports.every(one => one === undefined)) {
      clearTimeout(timer)
      timer = setTimeout(end, Math.min(GRACE_MS, timeoutMs))
    }
    reports[index] = report
  })
  await Promise.race([Promise.all(asked), ended])
  clearTimeout(timer)
  end()
  return reports.filter(report => report !== undefined)
}

/** Its evidence is made for each that asks: so many at a time of one enclave. */
async function reportOf(call: Call, backend: Backend, timeoutMs: number): Promise<object | undefined> {
  try {
    return await backend.reports(async () => {
      call.gone.throwIfAborted()
      const answer = await sendTo(backend, call, { silenceMs: timeoutMs })
      if (answer.statusCode !== 200) return void answer.destroy()
      const report: unknown = JSON.parse((await bodyOf(answer, MAX_REPORT)).toString())
      return typeof report === 'object' && report !== null ? report : undefined
    })
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
