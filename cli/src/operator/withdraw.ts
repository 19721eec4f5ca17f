import type { Hex } from '@nacre/verify'
import { EXIT } from '../errors.ts'
import type { Output } from '../output.ts'
import { readCredits, readOffers, readStake, type Subject } from './facts.ts'
import { unbondingText } from './leave.ts'
import { carryOut, type Plan, type PlanOptions } from './plan.ts'
import { loadSettings, type OperatorOptions } from './settings.ts'
import { withdrawCredit, withdrawStake } from './steps.ts'
import { addressOf } from './values.ts'

export type WithdrawOptions = OperatorOptions & PlanOptions & { to?: string; token?: string[] }

/** `nacre operator withdraw`: credits of the relay in every token that it announced, and stake that is free. */
export async function withdraw(options: WithdrawOptions, output: Output): Promise<number> {
  const settings = await loadSettings(options)
  const tokens = (options.token ?? []).map(token => addressOf(token, '--token'))
  const to = options.to === undefined ? undefined : addressOf(options.to, '--to')
  const done = await carryOut(settings, options, output, subject => planWithdraw(subject, tokens, to))
  output.result({ ...done, to: to ?? done.account })
  return EXIT.ok
}

async function planWithdraw(subject: Subject, named: Hex[], to: Hex = subject.account): Promise<Plan> {
  const { contracts } = subject
  const [stake, offers] = await Promise.all([readStake(subject), readOffers(subject)])
  const credits = await readCredits(subject, [...offers.map(offer => offer.token), ...named])
  const steps = credits.map(credit => withdrawCredit(contracts, credit, to))
  const free = stake.unbonding > 0n && stake.availableAt <= stake.time
  if (free) steps.push(withdrawStake(contracts, stake.unbonding, to))
  return {
    steps,
    already: credits.length > 0 ? [] : ['no credits'],
    notes: free ? [] : [unbondingText(stake)],
  }
}
