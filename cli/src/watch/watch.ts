import { ASSURANCE, type Check, type Hex, STATUS } from '@nacre/verify'
import { printChecks } from '../dev/report.ts'
import { EXIT } from '../errors.ts'
import { hashOf } from '../operator/values.ts'
import { bold, green, type Output, red, yellow } from '../output.ts'
import { type Followed, follow } from './follow.ts'
import { endOf, type Hop } from './hops.ts'
import { createPrinter, type Printer } from './print.ts'
import { type Source, type SourceOptions, sourceOf } from './source.ts'
import { verifyAnswer, verifyProof } from './verify.ts'

export type WatchOptions = SourceOptions & { timeout: number }

/** `nacre request watch ID`: one request through every hop, live while it is open. */
export async function watch(id: string, options: WatchOptions, output: Output): Promise<number> {
  const request = hashOf(id, 'request')
  const source = await sourceOf(options)
  output.line(bold(`Request ${request}`))
  const { followed, printer } = await followAloud(source, request, options.timeout * 1000, output)
  const checks = await verified(source, request, followed, printer, output)
  output.result(jsonOf(request, followed, checks))
  return exitCode(followed, checks)
}

/** Follows a request and tells its hops. */
export async function followAloud(source: Source, id: Hex, timeoutMs: number, output: Output) {
  const printer = createPrinter(output, source)
  const followed = await follow(source, id, {
    timeoutMs,
    onHop: printer.hop,
    onView: printer.view,
    onOverdue: () =>
      printer.line('overdue', yellow('its deadline has passed: anyone may have it refunded by Relay.expire')),
  })
  return { followed, printer }
}

async function verified(
  source: Source,
  id: Hex,
  { asked, hops, views, state }: Followed,
  printer: Printer,
  output: Output,
): Promise<Check[] | undefined> {
  const end = endOf(hops)
  if (state === 'open')
    printer.line('open', yellow('it is still open: watch it again, or longer with --timeout'))
  if (end?.hop !== 'fulfilled') return undefined
  const { consumer, params } = asked.request
  const expected = { consumer: consumer.toLowerCase() as Hex, artifact: params.artifact }
  const isZk = params.assurance === ASSURANCE.zk
  const checks = isZk
    ? await verifyProof(source, id, expected, end)
    : await verifyAnswer(source, id, expected, end, views)
  if (checks === undefined) {
    const unknown = isZk ? 'another contract sent the proof' : 'no operator that is known has it'
    const missing = source.policy === undefined && !isZk ? 'no policy is named: --policy FILE' : unknown
    printer.line('receipt', `not verified here, ${missing}; the chain has checked it`)
    return undefined
  }
  const failed = checks.filter(check => !check.ok)
  printer.line(
    isZk ? 'proof' : 'receipt',
    failed.length === 0 ? green(`${checks.length} checks ok`) : red('does NOT verify'),
  )
  printChecks(output, failed)
  return checks
}

/** 0 for an answer that is ok, was delivered, and whose receipt, where it was looked at, verifies. */
function exitCode({ state, hops }: Followed, checks: Check[] | undefined): number {
  if (state === 'open') return EXIT.network
  const end = endOf(hops)
  const ok = end?.hop === 'fulfilled' && end.status === STATUS.ok && end.callbackOk
  return ok && (checks ?? []).every(check => check.ok) ? EXIT.ok : EXIT.checkFailed
}

function jsonOf(id: Hex, followed: Followed, checks: Check[] | undefined): object {
  const { asked, state, views } = followed
  const { params, consumer } = asked.request
  return {
    request: id,
    state,
    kind: asked.kind,
    artifact: params.artifact,
    consumer: consumer.toLowerCase(),
    fee: params.fee,
    fee_token: params.feeToken.toLowerCase(),
    deadline: Number(params.deadline),
    hops: hopsJson(followed),
    operators: views.map(({ operator, state: said, reason }) => ({
      operator: operator.account ?? null,
      url: operator.url,
      state: said,
      reason,
    })),
    checks: checks ?? null,
  }
}

/** Hops as JSON: what was mined has its time, the seconds since the request's block, its block and its gas. */
export function hopsJson({ hops, asked }: Followed): object[] {
  return hops.map(hop => {
    const mined = 'time' in hop && {
      time: hop.time,
      after_s: hop.time - asked.time,
      block: Number(hop.block),
      transaction: hop.transaction,
      gas: Number(hop.gas),
    }
    return { hop: hop.hop, ...mined, ...factsOf(hop) }
  })
}

function factsOf(hop: Hop): object {
  switch (hop.hop) {
    case 'requested':
      return { by: hop.sender.toLowerCase() }
    case 'drawn':
      return { operator: hop.holder?.toLowerCase() ?? null, fits: hop.fits, until: hop.until }
    case 'accepted':
      return { operator: hop.operator.toLowerCase(), until: hop.until }
    case 'declined':
      return { operator: hop.operator.toLowerCase() }
    case 'fulfilled': {
      const { operator, receiptId, status, callbackOk, paid, gasPaid } = hop
      return {
        operator: operator.toLowerCase(),
        receipt: receiptId,
        status,
        callback_ok: callbackOk,
        paid,
        gas_paid: gasPaid,
      }
    }
    case 'expired':
      return { operator: hop.operator.toLowerCase(), slashed: hop.slashed, refund: hop.refund }
  }
}
