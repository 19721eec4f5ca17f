import type { Hex, ReceiptBundle } from '@nacre/verify'
import { parseBundle } from '@nacre/verify'
import { sdkError } from './errors.ts'
import { call, type HttpOptions, isObject } from './operatorHttp.ts'
import type { WirePayment } from './payer.ts'

export type { HttpOptions } from './operatorHttp.ts'

/**
 * The receipt bundle of an answered relay request, or undefined while the operator has none. It is not verified:
 * pass it to verifyReceipt.
 * @throws NacreError unreachable, operator-error, bad-answer
 */
export async function fetchBundle(options: HttpOptions & { id: Hex }): Promise<ReceiptBundle | undefined> {
  const answer = await call(options, `/v1/requests/${options.id}`, undefined, { absent: 404 })
  const bundle = isObject(answer) ? answer.bundle : undefined
  return bundle === undefined || bundle === null ? undefined : bundleOf(bundle)
}

/** Asks an operator directly; the bundle is not verified. */
export async function postInfer(
  options: HttpOptions & { nonce: Hex; artifact: Hex; input: Hex; payment?: WirePayment },
): Promise<ReceiptBundle> {
  const { nonce, artifact, input, payment } = options
  return bundleOf(await call(options, '/v1/infer', { nonce, artifact, input, ...(payment && { payment }) }))
}

/** The enclave's identity with evidence over `nonce`, as JSON; nothing of it is verified. */
export async function getAttestation(options: HttpOptions & { nonce: Hex }): Promise<unknown> {
  return call(options, `/v1/attestation?nonce=${options.nonce}`)
}

/** Artifacts that the operator serves, as JSON. */
export async function getArtifacts(options: HttpOptions): Promise<unknown> {
  return call(options, '/v1/artifacts')
}

/** Whether an agent serves: an enclave of its answers and it has read the chain. */
export type Health = { ok: boolean; block: number | null; receiptKey: string | null }

/** @throws NacreError unreachable, operator-error, bad-answer */
export async function getHealth(options: HttpOptions): Promise<Health> {
  const answer = await call(options, '/health', undefined, { alsoOk: 503 })
  const { ok, block, receiptKey } = isObject(answer) ? answer : {}
  if (typeof ok !== 'boolean' || !isNullOr('number', block) || !isNullOr('string', receiptKey))
    throw sdkError('bad-answer', `${options.url} sent no health.`)
  return { ok, block: block as number | null, receiptKey: receiptKey as string | null }
}

/** What an operator says of a relay request, in its own words: nothing of it is verified. */
export type OperatorView = {
  /** docs/operating.md, States of a request. */
  state: string
  /** Why it waits or was skipped. */
  reason: string | null
  blockHash: string
  hasBundle: boolean
}

/**
 * An operator's view of a relay request; undefined when it knows none.
 * @throws NacreError unreachable, operator-error, bad-answer
 */
export async function getRequest(options: HttpOptions & { id: Hex }): Promise<OperatorView | undefined> {
  const answer = await call(options, `/v1/requests/${options.id}`, undefined, { absent: 404 })
  if (answer === undefined) return undefined
  const { state, reason, blockHash, bundle } = isObject(answer) ? answer : {}
  if (typeof state !== 'string' || !isNullOr('string', reason) || typeof blockHash !== 'string')
    throw sdkError('bad-answer', `${options.url} sent no request.`)
  const short = (text: string): string => text.slice(0, MAX_WORDS)
  return {
    state: short(state),
    reason: reason === null ? null : short(reason as string),
    blockHash: short(blockHash),
    hasBundle: isObject(bundle),
  }
}

/** Characters of an operator's own words that are shown. */
const MAX_WORDS = 200

function isNullOr(type: 'number' | 'string', value: unknown): boolean {
  return value === null || typeof value === type
}

function bundleOf(value: unknown): ReceiptBundle {
  try {
    return parseBundle(value)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw sdkError('bad-answer', `The operator sent no receipt bundle: ${why}`, { cause })
  }
}
