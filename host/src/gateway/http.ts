import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { type Context, Hono } from 'hono'
import { firstLine } from '../common/errors.ts'
import type { Common } from '../common/index.ts'
import { ApiError, sayError } from '../inference/apiErrors.ts'
import { isSealed, POSTS } from '../inference/calls.ts'
import { goneSignal } from '../inference/exchange.ts'
import { createBudget } from './budget.ts'
import type { Call } from './call.ts'
import type { GatewayConfig } from './config.ts'
import type { KeyBook } from './keys.ts'
import type { Metrics } from './metrics.ts'
import { answerPlain } from './plain.ts'
import type { Pool } from './pool.ts'
import { answerById, answerReport } from './reports.ts'
import { answerSealed } from './sealed.ts'
import type { UsageBook } from './usage.ts'

export type HttpOptions = {
  common: Common<GatewayConfig>
  metrics: Metrics
  pool: Pool
  keys: KeyBook
  usage: UsageBook
}

type Bound = { Bindings: HttpBindings }
type Kind = 'plain' | 'sealed' | 'report' | 'receipt'

/** A gateway's HTTP interface: the OpenAI API of the enclaves behind it, and its own health. docs/operating.md, The gateway. */
export function createHttp(options: HttpOptions): Hono<Bound> {
  const { common, pool } = options
  const app = new Hono<Bound>()
  const post = answering(options)
  const reports = { pool, timeoutMs: common.config.pollTimeoutMs }
  app.use(allowPages)
  app.get('/health', context => {
    const enclaves = pool
      .serving()
      .map(({ url, enclave, models }) => ({ url, enclave, models: [...models.keys()] }))
    const ok = enclaves.length > 0
    return context.json({ ok, attested: common.config.policyFile !== undefined, enclaves }, ok ? 200 : 503)
  })
  app.get('/metrics', async context =>
    context.body(await common.metrics.metrics(), 200, { 'content-type': common.metrics.contentType }),
  )
  app.get('/v1/models', context => context.json({ object: 'list', data: pool.models() }))
  app.get('/v1/models/:id{.+}', context => {
    const model = pool.models().find(({ id }) => id === context.req.param('id'))
    return model
      ? context.json(model)
      : refused(context, new ApiError('model_not_found', 'No enclave here serves this model.'))
  })
  for (const path of POSTS) app.post(path, context => post(context))
  app.get('/v1/attestation/report', context =>
    handle(options, 'report', context, call =>
      answerReport(reports, call, new URL(context.req.url).searchParams),
    ),
  )
  for (const path of ['/v1/receipts/:id', '/v1/signature/:id'] as const)
    app.get(path, context =>
      handle(options, 'receipt', context, call => answerById(reports, call, context.req.param('id'))),
    )
  for (const path of POSTS)
    app.all(path, context => refused(context, new ApiError('method_not_allowed', `${path} is a POST.`)))
  app.notFound(context => refused(context, new ApiError('unknown_url', `There is no ${context.req.path}.`)))
  return app
}

/** Answers a POST: as many bytes of bodies as there is room for, with a key where one is wanted. */
function answering(options: HttpOptions): (context: Context<Bound>) => Promise<Response> {
  const { common, pool, metrics, usage } = options
  const { maxBody, maxHeld, silenceMs } = common.config
  const onRetry = (reason: string) => {
    metrics.retries.inc()
    common.logger.debug({ reason }, 'an enclave gave no answer')
  }
  const shared = { pool, maxBody, silenceMs, budget: createBudget(maxHeld), onRetry }
  return context => {
    const sealed = isSealed(context.env.incoming.headers)
    return handle(options, sealed ? 'sealed' : 'plain', context, async call => {
      const key = await keyOf(options, call.incoming)
      const used = { requests: 1, units: 0, sealedBytes: 0 }
      try {
        await (sealed ? answerSealed(shared, call, used) : answerPlain(shared, call, used))
      } finally {
        // What was refused was asked, too.
        if (key !== undefined) usage.add(key, used)
      }
    })
  }
}

/** The key that is counted; undefined where none is needed and none known is given. @throws ApiError */
async function keyOf(
  { common, keys }: HttpOptions,
  { headers }: IncomingMessage,
): Promise<number | undefined> {
  const key = /^Bearer +(\S{1,256})$/i.exec(headers.authorization ?? '')?.[1]
  const { required } = common.config.keys
  if (key === undefined && !required) return undefined
  const id = key === undefined ? undefined : await find(keys, key, required)
  if (id === undefined && required)
    throw new ApiError(
      'invalid_api_key',
      'The API key is missing, unknown or revoked: send it as Authorization: Bearer.',
    )
  return id
}

/** Where keys are needed nobody passes while none can be looked up. */
async function find(keys: KeyBook, key: string, required: boolean): Promise<number | undefined> {
  try {
    return await keys.find(key)
  } catch {
    if (!required) return undefined
    throw new ApiError('not_ready', 'API keys cannot be looked up at the moment.')
  }
}

/** Runs a call to its end, counts it, and tells what went wrong in OpenAI's form. */
async function handle(
  { common, metrics }: HttpOptions,
  kind: Kind,
  context: Context<Bound>,
  work: (call: Call) => Promise<void>,
): Promise<Response> {
  const incoming = context.env.incoming as IncomingMessage
  const outgoing = context.env.outgoing as ServerResponse
  metrics.open.inc()
  // Not as it was sent: a request may name a whole address, and operators have their own.
  const { pathname, search } = new URL(context.req.url)
  const call = { incoming, outgoing, path: `${pathname}${search}`, gone: goneSignal(outgoing) }
  try {
    await work(call)
  } catch (error) {
    if (!(error instanceof ApiError)) {
      metrics.cut.inc()
      common.logger.debug({ reason: firstLine(error) }, 'an answer was cut off')
    }
    sayError(
      outgoing,
      error instanceof ApiError ? error : new ApiError('internal_error', 'The gateway failed.'),
    )
  } finally {
    metrics.open.dec()
    metrics.calls.inc({ kind, status: outgoing.headersSent ? outgoing.statusCode : 0 })
  }
  return RESPONSE_ALREADY_SENT
}

/** Pages of any origin may call: what they send is theirs, and no cookie means anything here. */
async function allowPages(context: Context<Bound>, next: () => Promise<void>): Promise<Response | undefined> {
  const { incoming, outgoing } = context.env
  outgoing.setHeader('access-control-allow-origin', '*')
  outgoing.setHeader('access-control-expose-headers', 'x-nacre-receipt, retry-after')
  if (context.req.method !== 'OPTIONS') {
    await next()
    return undefined
  }
  outgoing.setHeader('access-control-allow-methods', 'GET, POST')
  const wanted = incoming.headers['access-control-request-headers']
  if (typeof wanted === 'string') outgoing.setHeader('access-control-allow-headers', wanted.slice(0, 1_024))
  outgoing.setHeader('access-control-max-age', '600')
  return context.body(null, 204)
}

function refused(context: Context<Bound>, error: ApiError): Response {
  return context.json(error.toJSON(), error.status)
}
