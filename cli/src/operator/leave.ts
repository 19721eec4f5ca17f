import { EXIT } from '../errors.ts'
import type { Output } from '../output.ts'
import { formatAmount, formatSeconds, formatTime } from './amounts.ts'
import { readDuties } from './duties.ts'
import { readOffers, readStake, type Stake, type Subject } from './facts.ts'
import { nameOf } from './join.ts'
import { carryOut, type Plan, type PlanOptions } from './plan.ts'
import { loadSettings, type OperatorOptions } from './settings.ts'
import { retract, unbond } from './steps.ts'
import type { Named } from './values.ts'

/** `nacre operator leave`: ends the offers and unbonds the stake; says when the stake is free. */
export async function leave(options: OperatorOptions & PlanOptions, output: Output): Promise<number> {
  const settings = await loadSettings(options)
  const done = await carryOut(settings, options, output, subject => planLeave(subject, settings.models()))
  const subject = { ...settings, account: done.account }
  const [stake, duties] = await Promise.all([readStake(subject), readDuties(subject)])
  if (!options.dryRun) {
    output.line(unbondingText(stake))
    if (duties.length > 0)
      output.line(
        `${duties.length} open requests are still its duty: keep the agent running until they are answered.`,
      )
  }
  const { unbonding, availableAt } = stake
  output.result({
    ...done,
    unbonding,
    available_at: Number(availableAt),
    open_duties: duties.map(duty => duty.id),
  })
  return EXIT.ok
}

export function unbondingText({ unbonding, availableAt, time }: Stake): string {
  if (unbonding === 0n) return 'No stake is unbonding.'
  if (availableAt <= time) return `${formatAmount(unbonding)} of stake is free: nacre operator withdraw`
  const wait = formatSeconds(Number(availableAt - time))
  return `${formatAmount(unbonding)} of stake is free from ${formatTime(availableAt)} on, in ${wait}; it can be slashed until then.`
}

async function planLeave(subject: Subject, known: Named[]): Promise<Plan> {
  const { contracts } = subject
  const [stake, offers] = await Promise.all([readStake(subject), readOffers(subject)])
  const active = offers.filter(offer => offer.active)
  const retracting = active.map(offer => retract(contracts, offer, nameOf(offer.artifact, known)))
  const bonded = stake.bonded > 0n
  return {
    steps: [...retracting, ...(bonded ? unbond(contracts, stake.slots) : [])],
    already: [...(active.length > 0 ? [] : ['no offers']), ...(bonded ? [] : ['no stake is bonded'])],
    notes:
      bonded && stake.unbonding > 0n
        ? [`${formatAmount(stake.unbonding)} unbonds already; unbonding more starts its time again`]
        : [],
  }
}
