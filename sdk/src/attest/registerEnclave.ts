import type { EnclaveConfig, EvidenceCrypto, Hex, Identity } from '@nacre/verify'
import { toHex } from '@nacre/verify'
import type { PublicClient } from 'viem'
import type { Deployment } from '../deployment.ts'
import { sdkError } from '../errors.ts'
import type { Wallet } from '../relay.ts'
import { explainRevert } from '../revert.ts'
import { type ProveOptions, proveSignatures } from './nitroHints.ts'
import { type Certificate, type Opened, openEvidence, teeOf } from './openEvidence.ts'
import {
  checkAge,
  checkBinding,
  checkIdentity,
  checkLimits,
  checkMeasured,
  checkRevoked,
  findAnchor,
  type Registered,
  readRegistered,
  readRoot,
  readTime,
  readVerifier,
  type Subject,
} from './registrationChecks.ts'
import {
  type Checked,
  caughtUp,
  type Prove,
  type RegistrationStep,
  readCached,
  stepsOf,
} from './registrationSteps.ts'

export type { Certificate } from './openEvidence.ts'
export type { Registered } from './registrationChecks.ts'
export type { Call, RegistrationStep } from './registrationSteps.ts'

export type PlanOptions = ProveOptions & {
  client: PublicClient
  deployment: Pick<Deployment, 'enclaveRegistry'>
  /** Evidence of AWS Nitro, or of the simulated security module, over the hash of a recent block. */
  evidence: Uint8Array
  /** What the evidence binds, as the enclave tells it. */
  identity: Identity
  config: EnclaveConfig
  /** Block whose hash is the evidence's nonce. Default: looked up. */
  anchorNumber?: bigint
  /** Who sends. Default: the operator. */
  account?: Hex
  /** Most gas of one transaction. Default: DEFAULT_MAX_GAS. */
  maxGas?: bigint
  crypto?: Partial<EvidenceCrypto>
}

/** What registering an enclave takes, as of one moment. */
export type RegistrationPlan = {
  client: PublicClient
  /** The key was registered before: nothing is to be sent. */
  registered: Registered | undefined
  /** Of evidence that was looked at: it was not when the key was registered. */
  evidence: (Pick<Opened, 'tee' | 'moduleId' | 'timestamp'> & { anchorNumber: bigint }) | undefined
  /** Those below the root. */
  certificates: (Certificate & { cached: boolean })[]
  steps: RegistrationStep[]
  /** Of the newest block, wei a gas. */
  baseFee: bigint
  /**
   * What is missing by now: others may have cached certificates, or sent this registration. After a step that was mined,
   * name it: a node that does not show it yet is waited for, so that nothing is sent twice.
   */
  remaining(mined?: RegistrationStep): Promise<RegistrationStep[]>
  /** The registration by now. */
  current(): Promise<Registered | undefined>
}

/** The cap of EIP-7825, 16,777,216, with room for the reserve that a transaction is sent with. */
export const DEFAULT_MAX_GAS = 13_000_000n
const TRANSACTION_CAP = 16_777_216n

/** How far ahead of the chain's time evidence must hold: the transaction is yet to be mined. Also the registry's MAX_CLOCK_SKEW. */
const AHEAD = 60n

/**
 * Plans the registration of an enclave's key: checks everything that can be checked without a transaction, reads which
 * certificates the chain has cached, makes the hints of what is missing, and has the node measure the gas. One
 * transaction where the gas allows it. A key that is registered already, for this release and configuration, needs none.
 * @throws NacreError bad-evidence, evidence-mismatch, limits-too-low, evidence-too-old, evidence-from-future,
 * anchor-unavailable, not-measured, no-verifier, key-ended, gas-limit, relay-reverted with the contract's own error
 *
 * @example
 * const plan = await planRegistration({ client, deployment, evidence, identity, config })
 * await sendRegistration(plan, wallet)
 */
export async function planRegistration(options: PlanOptions): Promise<RegistrationPlan> {
  const { client, deployment, identity, config, anchorNumber } = options
  const subject = { client, registry: deployment.enclaveRegistry, identity, config, anchorNumber }
  await checkIdentity(subject)
  await checkLimits(subject)
  const { baseFeePerGas } = await client.getBlock()
  const current = async () => readRegistered(subject, await readTime(client))
  const registered = await current()
  const none = { evidence: undefined, certificates: [], steps: [], remaining: async () => [] }
  const basic = { client, registered, baseFee: baseFeePerGas ?? 0n, current }
  if (registered) return { ...basic, ...none }

  const checked = await check(subject, options)
  const prove = createProver(checked, options)
  const cached = await readCached(checked)
  const { tee, moduleId, timestamp, certificates } = checked.opened
  const missing = async (): Promise<RegistrationStep[]> => {
    try {
      return (await current()) ? [] : await stepsOf(checked, await readCached(checked), prove)
    } catch (refusal) {
      // Anyone may send it: who copied it out of the mempool and came first did it for us.
      if (await current()) return []
      throw refusal
    }
  }
  return {
    ...basic,
    evidence: { tee, moduleId, timestamp, anchorNumber: checked.anchorNumber },
    certificates: certificates.map((one, i) => ({ ...one, cached: cached[i] === true })),
    steps: await missing(),
    remaining: mined => caughtUp(client, missing, mined),
  }
}

/** A step that was mined. */
export type SentStep = { what: string; transaction: Hex; gas: bigint }

/** Fewer have to be sent, whatever others do in between. */
const MAX_SENT = 20
/** Each is paid for: a node that says of them that they pass must not have us pay for the same refusal again and again. */
const MAX_REVERTED = 2

/**
 * Sends what a plan wants, one transaction after the other, each as the chain is by then: what others cached or sent in
 * between is left out. After an interruption plan again, and send the rest.
 * @returns the registration, and what was sent for it
 * @throws NacreError relay-reverted with the contract's own error
 */
export async function sendRegistration(
  plan: RegistrationPlan,
  wallet: Wallet,
  onProgress: (sent: SentStep) => void = () => {},
): Promise<{ registered: Registered; sent: SentStep[] }> {
  const { client } = plan
  const sent: SentStep[] = []
  let mined: RegistrationStep | undefined
  let reverted = 0
  for (let tries = 0; tries < MAX_SENT; tries++) {
    const [step] = await plan.remaining(mined)
    if (!step) break
    const { what, call, gas } = step
    const hash = await wallet.writeContract({ ...call, gas: withReserve(gas) } as never).catch(explain)
    const { status, gasUsed } = await client.waitForTransactionReceipt({ hash })
    // What the contract looks at changed since it was estimated; the next estimate says what is wrong, if anything is.
    if (status !== 'success') {
      if (++reverted < MAX_REVERTED) continue
      throw sdkError(
        'relay-reverted',
        `${MAX_REVERTED} transactions reverted that the node had tried before, the last one is ${hash} (${what}).`,
      )
    }
    mined = step
    const done = { what, transaction: hash, gas: gasUsed }
    sent.push(done)
    onProgress(done)
  }
  const registered = await plan.current()
  if (registered) return { registered, sent }
  throw sdkError('relay-reverted', `The key is not registered after ${MAX_SENT} transactions.`)
}

/** Gas to send a step with: the node's estimate and a quarter, never beyond what a transaction may have. */
export function withReserve(gas: bigint): bigint {
  const wanted = (gas * 5n) / 4n
  return wanted < TRANSACTION_CAP ? wanted : TRANSACTION_CAP
}

async function check(subject: Subject, options: PlanOptions): Promise<Checked> {
  const { client, registry, config } = subject
  const { evidence, account = config.operator, maxGas = DEFAULT_MAX_GAS, crypto } = options
  const tee = teeOf(evidence)
  const [verifier, time] = await Promise.all([readVerifier(client, registry, tee), readTime(client)])
  const root = await readRoot(client, verifier, tee)
  const opened = openEvidence(evidence, { root, time: time + AHEAD, ...(crypto && { crypto }) })
  checkBinding(subject, opened)
  await checkAge(subject, opened, time)
  await checkRevoked(subject, verifier, opened)
  const anchorNumber = await findAnchor(subject, opened)
  await checkMeasured(subject, opened)
  return { subject, opened, verifier, root, evidence: toHex(evidence), anchorNumber, account, maxGas }
}

/** Hints are kept: what was made once serves every later look at what is missing. */
function createProver({ opened }: Checked, options: ProveOptions): Prove {
  const made = new Map<number, Uint8Array>()
  return async positions => {
    const missing = positions.filter(position => !made.has(position))
    if (missing.length === 0) return made
    const hints = await proveSignatures(opened.signatures, missing, options)
    for (const [position, hint] of hints) made.set(position, hint)
    return made
  }
}

function explain(error: unknown): never {
  throw explainRevert(error)
}
