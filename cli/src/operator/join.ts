import { NO_ENCLAVE } from '@nacre/sdk/zk/request'
import { ASSURANCE, type Hex } from '@nacre/verify'
import { CliError, EXIT } from '../errors.ts'
import type { Output } from '../output.ts'
import { formatAmount, formatTime, parseAmount } from './amounts.ts'
import { readOffer, readProfile, readRelease, readStake, type Subject } from './facts.ts'
import { carryOut, type Plan, type PlanOptions, type Step } from './plan.ts'
import { loadSettings, type OperatorOptions, type Settings } from './settings.ts'
import { announce, bond, declare, termsText } from './steps.ts'
import { artifactOf, hashOf, minDeadlineOf, type Named, tokenOf } from './values.ts'

export type JoinOptions = OperatorOptions &
  PlanOptions & {
    slots: number
    release?: string
    assurance?: string
    artifact?: string[]
    price?: string
    minDeadline: number
    token?: string
  }

/** What is to be true on chain afterwards. */
type Wanted = {
  slots: bigint
  /** Undefined of an operator that only proves. */
  releaseId: Hex | undefined
  assurance: number
  models: Named[]
  token: Hex
  /** Absent: offers stay as they are. */
  price?: bigint
  minDeadline: number
}

/** `nacre operator join`: stakes, says what it runs, and announces what it serves; each only where it is missing. */
export async function join(options: JoinOptions, output: Output): Promise<number> {
  const settings = await loadSettings(options)
  const wanted = wantedOf(options, settings)
  const done = await carryOut(settings, options, output, subject => planJoin(subject, wanted))
  const { epoch, epochLength } = await readStake({ ...settings, account: done.account })
  const servesFrom = (epoch + 1n) * epochLength
  if (done.sent.length > 0)
    output.line(`In force from ${formatTime(servesFrom)} on, the next epoch. Now: nacre operator run`)
  output.result({ ...done, serves_from: Number(servesFrom) })
  return EXIT.ok
}

function wantedOf(options: JoinOptions, settings: Settings): Wanted {
  const known = settings.models()
  const token = tokenOf(options.token)
  const releaseId = options.release === undefined ? settings.release : hashOf(options.release, '--release')
  if (releaseId === undefined && !settings.onlyProves)
    throw missing('no release is named', '--release ID, or a configuration that has one')
  const artifacts =
    options.artifact?.map(text => artifactOf(text, known)) ?? known.map(model => model.artifact)
  return {
    slots: BigInt(options.slots),
    releaseId,
    assurance: assuranceOf(options.assurance, settings),
    models: artifacts.map(artifact => ({ artifact, name: nameOf(artifact, known) })),
    token,
    ...(options.price !== undefined && { price: parseAmount(options.price, token) }),
    minDeadline: minDeadlineOf(options.minDeadline),
  }
}

async function planJoin(subject: Subject, wanted: Wanted): Promise<Plan> {
  const { contracts } = subject
  const plan: Plan = { steps: [], already: [] }
  const want = (present: boolean, text: string, steps: Step[]): void => {
    if (present) plan.already.push(text)
    else plan.steps.push(...steps)
  }
  const { slots, bonded, slotStake, epoch } = await readStake(subject)
  const missingValue = wanted.slots * slotStake - bonded
  const bonding = slots < wanted.slots ? bond(contracts, wanted.slots - slots, missingValue, slotStake) : []
  want(bonding.length === 0, `${slots} slots, ${formatAmount(bonded)}`, bonding)

  const profile = await readProfile(subject, epoch)
  const { releaseId = NO_ENCLAVE.releaseId, assurance } = wanted
  if (wanted.releaseId !== undefined) {
    const state = await readRelease(subject, wanted.releaseId)
    if (state !== 'listed') throw unlisted(wanted.releaseId, state)
  }
  const declared = profile.releaseId === releaseId && profile.assurance === assurance
  const text = wanted.releaseId === undefined ? 'no enclave: it proves' : `release ${releaseId}`
  want(declared, text, [declare(contracts, releaseId, assurance)])

  for (const { artifact, name } of wanted.models) {
    const offer = await readOffer(subject, artifact, wanted.token)
    const { price = offer.active ? offer.price : undefined, minDeadline } = wanted
    if (price === undefined) throw missing(`${name} has no price yet`, '--price AMOUNT, such as 0.001ether')
    const kept = wanted.price === undefined || (offer.price === price && offer.minDeadline === minDeadline)
    const terms = { artifact, token: wanted.token, price, minDeadline }
    want(offer.active && kept, `${name} for ${termsText(offer)}`, [announce(contracts, terms, name)])
  }
  return plan
}

/** Development networks have simulated enclaves, others real ones. */
function assuranceOf(text: string | undefined, { contracts, onlyProves }: Settings): number {
  if (onlyProves) return NO_ENCLAVE.assurance
  if (text === undefined) return contracts.chainId === 31_337 ? ASSURANCE.simulated : ASSURANCE.tee
  return text === 'tee' ? ASSURANCE.tee : ASSURANCE.simulated
}

export function nameOf(artifact: Hex, known: readonly Named[]): string {
  return known.find(model => model.artifact === artifact)?.name ?? artifact
}

function missing(what: string, pass: string): CliError {
  return new CliError('bad-input', { what, why: 'it cannot be guessed', fix: `pass ${pass}` })
}

function unlisted(releaseId: Hex, state: string): CliError {
  return new CliError('bad-input', {
    what: `release ${releaseId} cannot be declared`,
    why: state === 'revoked' ? 'its publisher has revoked it' : 'nobody has listed it on this chain',
    fix: 'name a listed one: --release ID; its publisher lists it with nacre release publish',
  })
}
