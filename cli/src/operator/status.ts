import { getHealth, type Health } from '@nacre/sdk'
import { NO_ENCLAVE } from '@nacre/sdk/zk/request'
import { ASSURANCE, type Hex, ZERO_HASH } from '@nacre/verify'
import { EXIT } from '../errors.ts'
import { bold, green, type Output, plain, red, yellow } from '../output.ts'
import { formatAmount, formatSeconds, formatTime } from './amounts.ts'
import { type Duty, readDuties } from './duties.ts'
import {
  type Credit,
  type Key,
  type Offer,
  readCredits,
  readKeys,
  readOffers,
  readProfile,
  readRelease,
  readStake,
  type Stake,
} from './facts.ts'
import { nameOf } from './join.ts'
import { unbondingText } from './leave.ts'
import { accountOf, loadSettings, type OperatorOptions, type Settings } from './settings.ts'
import { termsText } from './steps.ts'
import { addressOf } from './values.ts'

export type StatusOptions = OperatorOptions & { url?: string }

type Release = { releaseId: Hex; assurance: number; state: 'listed' | 'revoked' | 'unknown' | 'none' }
type Agent = { url: string; health?: Health; error?: string }
type Facts = {
  account: Hex
  stake: Stake
  release: Release
  offers: Offer[]
  keys: Key[]
  credits: Credit[]
  duties: Duty[]
  agent?: Agent
}

/** `nacre operator status [ADDRESS]`: all that the chain knows of an operator, and its agent's own health. */
export async function status(
  address: string | undefined,
  options: StatusOptions,
  output: Output,
): Promise<number> {
  const settings = await loadSettings(options)
  const account = address === undefined ? await accountOf(settings) : addressOf(address, 'operator')
  const url = options.url ?? settings.urls[account] ?? (address === undefined ? settings.ownUrl : undefined)
  const facts = await readFacts(settings, account, url)
  show(facts, settings, output)
  output.result(jsonOf(facts))
  return EXIT.ok
}

async function readFacts(settings: Settings, account: Hex, url?: string): Promise<Facts> {
  const subject = { ...settings, account }
  const stake = await readStake(subject)
  const [profile, offers, keys, duties, agent] = await Promise.all([
    readProfile(subject, stake.epoch),
    readOffers(subject),
    readKeys(subject, stake.time),
    readDuties(subject),
    url === undefined ? undefined : askAgent(url),
  ])
  const credits = await readCredits(
    subject,
    offers.map(offer => offer.token),
  )
  const { releaseId } = profile
  const state = releaseId === ZERO_HASH ? 'none' : await readRelease(subject, releaseId)
  const active = offers.filter(offer => offer.active)
  const release = { ...profile, state } as const
  return { account, stake, release, offers: active, keys, credits, duties, ...(agent && { agent }) }
}

/** An agent that does not answer is a fact, not a failure of this command. */
async function askAgent(url: string): Promise<Agent> {
  try {
    return { url, health: await getHealth({ url, timeoutMs: 5_000 }) }
  } catch (error) {
    return { url, error: error instanceof Error ? error.message : String(error) }
  }
}

function show(facts: Facts, settings: Settings, output: Output): void {
  const { account, stake, release, offers, keys, credits, duties, agent } = facts
  const known = settings.models()
  const line = (name: string, text: string): void => output.line(`  ${name.padEnd(9)} ${text}`)
  const each = (name: string, texts: string[]): void => {
    for (const [i, text] of (texts.length > 0 ? texts : ['none']).entries()) line(i === 0 ? name : '', text)
  }
  output.line(bold(`Operator ${account}`))
  line(
    'stake',
    `${formatAmount(stake.bonded)} bonded, ${stake.slots === 1n ? 'a slot' : `${stake.slots} slots`} of ${formatAmount(stake.slotStake)}`,
  )
  if (stake.unbonding > 0n) line('', unbondingText(stake))
  line('release', releaseText(release))
  each(
    'offers',
    offers.map(offer => plain(`${nameOf(offer.artifact, known)} for ${termsText(offer)}`)),
  )
  each(
    'keys',
    keys.map(key => keyText(key, stake, release)),
  )
  each(
    'credits',
    credits.map(({ amount, token }) => formatAmount(amount, token)),
  )
  each(
    'duties',
    duties.map(duty => `${duty.id}, until ${formatTime(duty.deadline)}`),
  )
  line('agent', agent === undefined ? 'its address is not known: --url URL' : agentText(agent))
}

function releaseText({ releaseId, assurance, state }: Release): string {
  if (state === 'none') return yellow('none is declared, and nothing can be announced: nacre operator join')
  if (releaseId === NO_ENCLAVE.releaseId) return 'of no enclave: it proves'
  const kind = assurance === ASSURANCE.tee ? 'tee' : 'simulated'
  return `${releaseId}, ${kind}, ${state === 'listed' ? state : red(state)}`
}

function keyText(
  { receiptKey, releaseId, expiresAt, revoked }: Key,
  { time }: Stake,
  release: Release,
): string {
  const left = `expires ${formatTime(expiresAt)}, in ${formatSeconds(expiresAt - Number(time))}`
  const other = releaseId === release.releaseId ? '' : `, of release ${releaseId}`
  return `${receiptKey}, ${revoked ? red('revoked') : left}${other}`
}

function agentText({ url, health, error }: Agent): string {
  if (health === undefined) return `${red('does not answer')} at ${plain(url)}: ${plain(error ?? '')}`
  const state = health.ok ? green('serves') : red('does not serve')
  return `${state} at ${plain(url)}, block ${health.block ?? 'unknown'}, key ${plain(health.receiptKey ?? 'none')}`
}

function jsonOf({ account, stake, release, offers, keys, credits, duties, agent }: Facts): object {
  const { slots, bonded, unbonding, availableAt, slotStake } = stake
  return {
    account,
    stake: {
      slots: Number(slots),
      slot_stake: slotStake,
      bonded,
      unbonding,
      available_at: unbonding > 0n ? Number(availableAt) : null,
    },
    release: { id: release.releaseId, assurance: release.assurance, state: release.state },
    offers: offers.map(({ artifact, token, price, minDeadline }) => ({
      artifact,
      token,
      price,
      min_deadline: minDeadline,
    })),
    keys: keys.map(({ receiptKey, releaseId, expiresAt, revoked }) => ({
      receipt_key: receiptKey,
      release: releaseId,
      expires_at: expiresAt,
      revoked,
    })),
    credits,
    duties: duties.map(({ id, artifact, deadline }) => ({ id, artifact, deadline: Number(deadline) })),
    agent: agent ?? null,
  }
}
