import { operatorsAbi, relayAbi } from '@nacre/contracts'
import type { Hex } from '@nacre/verify'
import type { Abi } from 'viem'
import { formatAmount } from './amounts.ts'
import type { Contracts } from './chain.ts'
import type { Credit, Offer } from './facts.ts'
import type { Step } from './plan.ts'

/** Most slots that one call of the contract takes. */
const SLOTS_PER_CALL = 32n

type Terms = Omit<Offer, 'active'>

/** The value may be more than the slots' stake: it fills up what a slash took. */
export function bond(contracts: Contracts, slots: bigint, value: bigint, slotStake: bigint): Step[] {
  const steps: Step[] = []
  for (let left = slots; left > 0n; left -= SLOTS_PER_CALL) {
    const count = left > SLOTS_PER_CALL ? SLOTS_PER_CALL : left
    const amount = left === slots ? value - (slots - count) * slotStake : count * slotStake
    const what = `bond ${formatAmount(amount)} for ${count === 1n ? 'a slot' : `${count} slots`}`
    steps.push(operatorsStep(contracts, what, 'bond', [], amount))
  }
  return steps
}

/** All slots, or with none of them what a slash left of lost ones. */
export function unbond(contracts: Contracts, slots: bigint): Step[] {
  if (slots === 0n) return [operatorsStep(contracts, 'unbond what a slash left', 'unbond', [0n])]
  const steps: Step[] = []
  for (let left = slots; left > 0n; left -= SLOTS_PER_CALL) {
    const count = left > SLOTS_PER_CALL ? SLOTS_PER_CALL : left
    const what = `unbond ${count === 1n ? 'a slot' : `${count} slots`}`
    steps.push(operatorsStep(contracts, what, 'unbond', [count]))
  }
  return steps
}

export function declare(contracts: Contracts, releaseId: Hex, assurance: number): Step {
  return operatorsStep(contracts, `declare release ${releaseId}`, 'declare', [releaseId, assurance])
}

export function announce(contracts: Contracts, terms: Terms, name: string): Step {
  const { artifact, token, price, minDeadline } = terms
  const what = `announce ${name} for ${termsText(terms)}`
  return operatorsStep(contracts, what, 'announce', [artifact, token, price, minDeadline])
}

export function retract(
  contracts: Contracts,
  { artifact, token }: Pick<Offer, 'artifact' | 'token'>,
  name: string,
): Step {
  return operatorsStep(contracts, `retract ${name}`, 'retract', [artifact, token])
}

export function withdrawStake(contracts: Contracts, amount: bigint, to: Hex): Step {
  return operatorsStep(contracts, `withdraw ${formatAmount(amount)} of stake to ${to}`, 'withdrawStake', [to])
}

export function withdrawCredit({ relay }: Contracts, { token, amount }: Credit, to: Hex): Step {
  const call = { address: relay, abi: relayAbi as Abi, functionName: 'withdraw', args: [token, to] }
  return { what: `withdraw ${formatAmount(amount, token)} of credits to ${to}`, call }
}

export function termsText({
  price,
  token,
  minDeadline,
}: Pick<Offer, 'price' | 'token' | 'minDeadline'>): string {
  return `${formatAmount(price, token)}, in ${minDeadline} s or more`
}

function operatorsStep(
  { operators }: Contracts,
  what: string,
  functionName: string,
  args: readonly unknown[],
  value?: bigint,
): Step {
  const call = { address: operators, abi: operatorsAbi as Abi, functionName, args }
  return { what, call: value === undefined ? call : { ...call, value } }
}
