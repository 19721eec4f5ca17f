import { enclaveRegistryAbi, releasesAbi } from '@nacre/contracts'
import { teeOf } from '@nacre/sdk/attest/openEvidence'
import { planRegistration, type RegistrationPlan } from '@nacre/sdk/attest/registerEnclave'
import { type EnclaveConfig, type Evidence, fromHex, type Hex, type Identity } from '@nacre/verify'
import { type PublicClient, zeroAddress } from 'viem'
import { callContract } from '../chain/reverts.ts'
import { FatalError, RetryableError } from '../common/errors.ts'
import { retry } from '../common/wait.ts'
import { carryOut, planned, rejected } from './registerSteps.ts'
import type { Transactions } from './transactions.ts'
import { isVouched, planByVerdicts, type Verifiers, type VouchedKind } from './vouched.ts'

export type RegisterOptions = {
  client: PublicClient
  transactions: Transactions
  contracts: { enclaveRegistry: Hex }
  identity: Identity
  config: EnclaveConfig
  /** Evidence of the enclave over a nonce. */
  attest: (nonce: Hex) => Promise<Evidence>
  /** Who vouches for evidence that no contract verifies. */
  verifiers?: Verifiers | undefined
  /** Its enclave has ended: nothing more is sent for it. */
  ended?: AbortSignal
  /** The verifiers or the chain were away; they are asked again, with fresh evidence of the same enclave. */
  onRetry?: (error: unknown) => void
}

/** What the chain was shown, and the evidence's own time in seconds. */
export type Registration = { evidence: Evidence; evidenceNonce: Hex; time: number }

/** The registry takes evidence of at most an hour; some of it goes by until the transaction is mined. */
const MAX_AHEAD_S = 3_500
/** A short reorganisation leaves the block that the evidence names; the registry takes one of the last 256. */
const ANCHOR_DEPTH = 3n

/** Verifiers that are away are asked for as long as the enclave runs: launching another mends nothing. */
const PAUSES = { minMs: 500, maxMs: 15_000 }

type Planned = {
  plan: Pick<RegistrationPlan, 'steps' | 'remaining' | 'current'>
  registration: Registration
}

/**
 * Has the chain verify an enclave's evidence over the hash of a recent block and register its key. Evidence that no
 * contract verifies is judged by verifier enclaves first.
 * Throws EVIDENCE_REJECTED when the chain refuses, for good when nobody is named who judges this kind; CHAIN_UNAVAILABLE
 * when it is away; the signal's reason when the enclave has ended.
 */
export async function register(options: RegisterOptions): Promise<Registration> {
  const { ended, verifiers, onRetry, transactions, identity } = options
  const { plan, registration } = await retry(() => planFresh(options), {
    ...PAUSES,
    attempts: verifiers ? Number.POSITIVE_INFINITY : 1,
    again: ({ code }) => code !== 'ENCLAVE_UNAVAILABLE',
    ...(ended && { signal: ended }),
    ...(onRetry && { onRetry }),
  })
  await carryOut(plan, { transactions, identity, ended })
  return registration
}

async function planFresh(options: RegisterOptions): Promise<Planned> {
  const { client, verifiers } = options
  const anchor = await callContract(async () => {
    const { number, timestamp } = await client.getBlock()
    // A verdict has the chain's own time.
    if (!verifiers) checkClock(timestamp)
    return client.getBlock({ blockNumber: number > ANCHOR_DEPTH ? number - ANCHOR_DEPTH : 0n })
  })
  const evidence = await options.attest(anchor.hash)
  const shown = { evidence, evidenceNonce: anchor.hash }
  const { kind } = evidence
  if (isVouched(kind)) {
    if (!verifiers) throw nobodyJudges(kind)
    const plan = await planByVerdicts({ ...options, verifiers }, { ...evidence, kind }, anchor.number)
    const time = plan.verdict?.statement.time ?? plan.registered?.evidenceTime
    return { plan, registration: { ...shown, time: Number(time ?? 0) } }
  }
  const plan = await planned(() => planDocument(options, evidence, anchor.number))
  const time = plan.evidence?.timestamp ?? plan.registered?.evidenceTime
  return { plan, registration: { ...shown, time: Number(time ?? 0) } }
}

/** A contract verifies documents alone, and the bundle says of them what they are: both have to be one. */
async function planDocument(
  { client, contracts, identity, config }: RegisterOptions,
  { kind, bytes }: Evidence,
  anchorNumber: bigint,
): Promise<RegistrationPlan> {
  const evidence = fromHex(bytes)
  const actual = teeOf(evidence)
  if (actual !== kind)
    throw rejected('registration', `the enclave says that its evidence is ${kind}, it is ${actual}`)
  return planRegistration({ client, deployment: contracts, evidence, identity, config, anchorNumber })
}

function nobodyJudges(kind: VouchedKind): FatalError {
  return new FatalError('EVIDENCE_REJECTED', `No contract verifies evidence of kind ${kind} by itself.`, {
    why: 'Its registration takes the word of two verifier enclaves, and the configuration names none.',
    fix: 'Name their operators in tee.verifiers, and the folder with the collateral in tee.collateralDir.',
  })
}

/**
 * What the chain knows of an enclave's key. A registration of a key with this release and configuration can only be
 * the operator's: the evidence binds it.
 */
export async function keyState(
  client: PublicClient,
  registry: Hex,
  { identity, config }: Pick<RegisterOptions, 'identity' | 'config'>,
): Promise<'registered' | 'unknown' | 'ended'> {
  const call = { address: registry, abi: enclaveRegistryAbi, functionName: 'keyOf' } as const
  const args = [identity.receiptKey, config.releaseId, identity.configHash] as const
  const [key, { timestamp }] = await callContract(() =>
    Promise.all([client.readContract({ ...call, args }), client.getBlock()]),
  )
  if (key.operator === zeroAddress) return 'unknown'
  return key.revoked || timestamp >= BigInt(key.expiresAt) ? 'ended' : 'registered'
}

/** Fresh evidence has this machine's time: on a chain whose clock is far ahead it is old, and nothing here can mend that. */
function checkClock(chainTime: bigint): void {
  const ahead = Number(chainTime) - Date.now() / 1000
  if (ahead < MAX_AHEAD_S) return
  const message = `The chain's clock is ${Math.round(ahead)} s ahead of this machine's, so that all evidence is too old for it.`
  throw new RetryableError('EVIDENCE_REJECTED', message, {
    fix: "Correct this machine's clock; a development chain whose time was moved forward: nacre dev --reset, or wait.",
  })
}

/** Checks that the release is on chain. Throws RELEASE_NOT_LISTED when it is unknown or revoked. */
export async function checkRelease(client: PublicClient, registry: Hex, releaseId: Hex): Promise<void> {
  const call = { address: registry, abi: enclaveRegistryAbi, functionName: 'RELEASES' } as const
  const releases = await callContract(() => client.readContract(call))
  const [publisher, revoked] = await callContract(() =>
    client.readContract({
      address: releases,
      abi: releasesAbi,
      functionName: 'releaseOf',
      args: [releaseId],
    }),
  )
  if (publisher !== zeroAddress && !revoked) return
  throw new FatalError(
    'RELEASE_NOT_LISTED',
    `Release ${releaseId} is ${revoked ? 'revoked' : 'not listed'} on chain.`,
    {
      fix: 'The publisher lists it with Releases.list; a revoked release needs a new image.',
    },
  )
}
