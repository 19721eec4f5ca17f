import type { HttpBindings } from '@hono/node-server'
import { type Hex, messageOf, parseBundle, receiptId, toJson } from '@nacre/verify'
import { parseTerms } from '@nacre/verify/payment'
import { type Context, Hono, type MiddlewareHandler } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { Registry } from 'prom-client'
import { z } from 'zod'
import type { Head } from '../chain/watcher.ts'
import { describeError, type ErrorCode, FatalError, RetryableError } from '../common/errors.ts'
import { createLimit } from '../common/limit.ts'
import { type Database, databaseError } from '../database/connect.ts'
import type { Payments } from '../payments/payments.ts'
import type { Serving } from './enclaves.ts'
import { findRequest } from './requests.ts'
import type { RequestRow } from './tables.ts'
import { isZkAnswer } from './zk/answer.ts'

export type HttpOptions = {
  database: Database
  metrics: Registry
  enclave: () => Serving | undefined
  /** Whether there is to be one; default: true. */
  hasEnclave?: boolean
  /** Whether the chain knows the serving key, as far as we know. */
  isKnown: () => boolean
  head: () => Head | undefined
  release: unknown
  maxInput: number
  /** Undefined when no vouchers are taken. */
  payments: Payments | undefined
  /** Whether clients without a voucher are refused. */
  paymentRequired: boolean
  /** Calls of the OpenAI API, of an image for language models. */
  inference?: Hono<{ Bindings: HttpBindings }> | undefined
  onError?: (error: unknown) => void
}

const STATUS: Partial<Record<ErrorCode, 400 | 402 | 404 | 413 | 503>> = {
  BAD_REQUEST: 400,
  PAYMENT_REQUIRED: 402,
  NOT_FOUND: 404,
  BODY_TOO_LARGE: 413,
  ENCLAVE_UNAVAILABLE: 503,
  CHAIN_UNAVAILABLE: 503,
  DATABASE_UNAVAILABLE: 503,
  TOO_BUSY: 503,
}

const hash = z
  .string()
  .regex(/^0x[0-9a-f]{64}$/, 'must be 0x and 32 bytes in lower-case hex')
  .transform(text => text as Hex)
const bytes = z
  .string()
  .regex(/^0x([0-9a-f]{2})*$/, 'must be 0x and bytes in lower-case hex')
  .transform(text => text as Hex)
const amount = z
  .string()
  .regex(/^(0|[1-9][0-9]{0,77})$/, 'must be an amount as a decimal string')
  .transform(text => BigInt(text))
const paymentBody = z.strictObject({
  terms: z.unknown().transform((value, context) => {
    try {
      return parseTerms(value, 'terms')
    } catch (cause) {
      context.addIssue({ code: 'custom', message: messageOf(cause) })
      return z.NEVER
    }
  }),
  index: z.int().nonnegative().transform(BigInt),
  maxOutput: z
    .int()
    .min(0)
    .max(2 ** 32 - 1),
  maxPrice: amount,
  signature: bytes.refine(text => text.length === 132, 'must be of 65 bytes'),
})
const inferBody = z.strictObject({
  nonce: hash,
  artifact: hash,
  input: bytes,
  payment: paymentBody.optional(),
})
/** Clients' calls in the enclave at the same time: what is asked on chain, with stake behind it, waits for so many. */
const MAX_RUNNING = 2
/** All of a question but its input, a voucher included, bytes. */
const MAX_AROUND = 4_096
/** Clients' calls that wait for their turn. */
const MAX_WAITING = 14
const ZERO_ADDRESS: Hex = `0x${'00'.repeat(20)}`

/** The agent's HTTP interface; docs/operating.md, HTTP. Errors are `{error: {code, message, fix}}`. */
export function createHttp(options: HttpOptions): Hono<{ Bindings: HttpBindings }> {
  const { database, metrics, maxInput } = options
  const app = new Hono<{ Bindings: HttpBindings }>()
  const limited = createLimit(MAX_RUNNING, MAX_WAITING)
  app.get('/health', context => {
    const head = options.head()
    const enclave = options.enclave()
    const serves = options.hasEnclave === false || (enclave !== undefined && options.isKnown())
    const ok = head !== undefined && serves
    const block = head ? Number(head.number) : null
    const receiptKey = enclave?.identity.receiptKey ?? null
    return context.json({ ok, block, receiptKey, enclavePid: enclave?.pid ?? null }, ok ? 200 : 503)
  })
  app.get('/metrics', async context =>
    context.body(await metrics.metrics(), 200, { 'content-type': metrics.contentType }),
  )
  app.get('/v1/artifacts', context => context.json(serving(options).artifacts))
  app.get('/v1/attestation', async context => {
    const nonce = check(hash, context.req.query('nonce'))
    const enclave = serving(options)
    const { identity, config } = enclave
    return context.json(
      toJson({ identity, config, evidence: await enclave.attest(nonce), release: options.release }),
    )
  })
  app.get('/v1/requests/:id', async context => {
    const id = check(hash, context.req.param('id'))
    const [row, ...others] = await findRequest(database.queries, id)
    if (!row)
      throw new FatalError('NOT_FOUND', `Request ${id} is not known here.`, {
        fix: 'Check the id, the chain and the operator.',
      })
    const { state, reason, outcome, blockHash } = row
    const orphaned = others.map(other => other.blockHash)
    return context.json({
      id,
      state,
      reason,
      blockNumber: Number(row.blockNumber),
      blockHash,
      bundle: shownBundle(row),
      outcome,
      orphaned,
    })
  })
  const refuse = (context: Context) => failed(options, context, tooLarge(maxInput))
  app.post('/v1/infer', limitBody(2 * maxInput + MAX_AROUND, refuse), async context => {
    const body = check(inferBody, await context.req.json().catch(() => undefined))
    const { nonce, artifact, input, payment } = body
    if (payment) {
      const payments = paid(options)
      return context.json(toJson(await payments.answer({ nonce, artifact, input, payment }, limited)))
    }
    if (options.paymentRequired) paid(options, true)
    const enclave = serving(options)
    const head = options.head()
    if (!head)
      throw new RetryableError('CHAIN_UNAVAILABLE', 'No block was read yet.', {
        fix: 'Try again in a moment.',
      })
    const bundle = await limited(() =>
      enclave.answer({
        origin: { type: 'client', nonce },
        artifact,
        input,
        anchor: { number: head.number, hash: head.hash },
        maxOutput: enclave.config.maxOutput,
        usage: { units: 1n, price: 0n, errorPrice: 0n, token: ZERO_ADDRESS },
        nonce,
      }),
    )
    return context.json(toJson(bundle))
  })
  app.get('/v1/reservations/:id', async context => {
    const found = await paid(options).reservation(check(hash, context.req.param('id')))
    const { unsettled, amount, nextIndex, expiresAt } = found
    return context.json({
      nextIndex: Number(nextIndex),
      amount: amount.toString(),
      unsettled: unsettled.toString(),
      expiresAt: Number(expiresAt),
    })
  })
  app.get('/v1/receipts/:id/settlement', async context => {
    const id = check(hash, context.req.param('id'))
    const settlement = await paid(options).settlement(id)
    if (!settlement)
      throw new FatalError('NOT_FOUND', `Receipt ${id} was paid for with no voucher here.`, {
        fix: 'Check the id, the chain and the operator.',
      })
    return context.json(toJson(settlement))
  })
  if (options.inference) app.route('/', options.inference)
  app.notFound(context =>
    failed(
      options,
      context,
      new FatalError('NOT_FOUND', `There is no ${context.req.path}.`, {
        fix: 'docs/operating.md, HTTP, lists every path.',
      }),
    ),
  )
  app.onError((error, context) => failed(options, context, error))
  return app
}

/**
 * One receipt a request: when the chain accepted another operator's, ours is nobody's to rely on. A proof is in its
 * transaction, and whoever was fulfilled by it is who accepted the request.
 */
function shownBundle({ bundle, outcome }: RequestRow): unknown {
  if (bundle === null || isZkAnswer(bundle) || outcome?.event !== 'Fulfilled') return bundle
  const { chainId, registry, receipt } = parseBundle(bundle)
  return receiptId({ chainId, registry }, receipt) === outcome.receiptId ? bundle : null
}

function paid({ payments }: HttpOptions, required = false): Payments {
  if (payments && !required) return payments
  throw new FatalError(
    'PAYMENT_REQUIRED',
    payments ? 'This operator answers for a voucher only.' : 'This operator takes no vouchers.',
    { fix: 'docs/operating.md, Vouchers, says how answers are paid for.' },
  )
}

function serving({ enclave, hasEnclave }: HttpOptions): Serving {
  const current = enclave()
  if (current) return current
  if (hasEnclave === false)
    throw new FatalError(
      'NOT_FOUND',
      'This operator has no enclave: it proves what zk requests ask on chain.',
      {
        fix: 'Ask the relay with assurance zk, or another operator.',
      },
    )
  throw new RetryableError('ENCLAVE_UNAVAILABLE', 'No enclave is serving at the moment.', {
    fix: 'Try again in a few seconds.',
  })
}

/**
 * Refuses longer bodies. Of an announced length the number is enough: Node reads no more than that. Hono's own
 * middleware makes a web Request of every call first, which takes longer than all else that is done with the body.
 */
function limitBody(maxSize: number, refuse: (context: Context) => Response): MiddlewareHandler {
  const counted = bodyLimit({ maxSize, onError: refuse })
  return async (context, next) => {
    const announced = context.req.header('content-length')
    if (announced === undefined || context.req.header('transfer-encoding') !== undefined)
      return await counted(context, next)
    return Number(announced) <= maxSize ? await next() : refuse(context)
  }
}

function check<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issues = result.error.issues.map(issue => `${issue.path.join('.') || 'value'} ${issue.message}`)
  throw new FatalError('BAD_REQUEST', `The request is malformed: ${issues.join('; ')}.`, {
    fix: 'docs/operating.md, HTTP, shows every call.',
  })
}

/** Internal errors are logged and not told. */
function failed(options: HttpOptions, context: Context, error: unknown): Response {
  const known = describeError(databaseError(error))
  const status = STATUS[known.code] ?? 500
  if (status === 500) options.onError?.(error)
  const told =
    known.code === 'INTERNAL'
      ? { code: known.code, message: 'The operator failed.', fix: 'Report this to the operator.' }
      : known
  return context.json({ error: told }, status)
}

function tooLarge(maxInput: number): FatalError {
  return new FatalError('BODY_TOO_LARGE', `An input has at most ${maxInput} bytes.`, {
    fix: 'Send a smaller input.',
  })
}
