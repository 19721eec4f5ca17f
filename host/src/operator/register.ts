import { enclaveRegistryAbi, releasesAbi } from '@nacre/contracts'
import { teeOf } from '@nacre/sdk/attest/openEvidence'
import {
  planRegistration,
  type RegistrationPlan,
  type RegistrationStep,
} from '@nacre/sdk/attest/registerEnclave'
import {
  type EnclaveConfig,
  type Evidence,
  fromHex,
  type Hex,
  type Identity,
  NacreError,
} from '@nacre/verify'
import { encodeFunctionData, type PublicClient, zeroAddress } from 'viem'
import { callContract } from '../chain/reverts.ts'
import { FatalError, RetryableError } from '../common/errors.ts'
import type { Intent, Transactions } from './transactions.ts'

export type RegisterOptions = {
  client: PublicClient
  transactions: Transactions
  contracts: { enclaveRegistry: Hex }
  identity: Identity
  config: EnclaveConfig
  /** Evidence of the enclave over a nonce. */
  attest: (nonce: Hex) => Promise<Evidence>
}

/** What the chain was shown, and the evidence's own time in seconds. */
export type Registration = { evidence: Evidence; evidenceNonce: Hex; time: number }

/** The registry takes evidence of at most an hour; some of it goes by until the transaction is mined. */
const MAX_AHEAD_S = 3_500
/** A short reorganisation leaves the block that the evidence names; the registry takes one of the last 256. */
const ANCHOR_DEPTH = 3n

/**
 * Has the chain verify an enclave's evidence over the hash of a recent block and register its key.
 * Throws EVIDENCE_REJECTED when the chain refuses, for good when no contract verifies this kind; CHAIN_UNAVAILABLE when
 * it is away.
 */
export async function register(options: RegisterOptions): Promise<Registration> {
  const { client, contracts, identity, config } = options
  const anchor = await callContract(async () => {
    const { number, timestamp } = await client.getBlock()
    checkClock(timestamp)
    return client.getBlock({ blockNumber: number > ANCHOR_DEPTH ? number - ANCHOR_DEPTH : 0n })
  })
  const evidence = await options.attest(anchor.hash)
  await planned(async () => checkKind(evidence))
  const plan = await planned(() =>
    planRegistration({
      client,
      deployment: contracts,
      evidence: fromHex(evidence.bytes),
      identity,
      config,
      anchorNumber: anchor.number,
    }),
  )
  await carryOut(plan, options)
  const time = Number(plan.evidence?.timestamp ?? plan.registered?.evidenceTime ?? 0)
  return { evidence, evidenceNonce: anchor.hash, time }
}

/** A contract verifies documents alone, and the bundle says of them what they are: both have to be one. */
function checkKind({ kind, bytes }: Evidence): void {
  if (kind !== 'simulated' && kind !== 'nitro')
    throw new FatalError('EVIDENCE_REJECTED', `No contract verifies evidence of kind ${kind} by itself.`, {
      why: 'Its registration takes the word of two verifier enclaves, which this agent does not ask.',
      fix: 'Use a driver whose evidence is simulated or of AWS Nitro.',
    })
  const actual = teeOf(fromHex(bytes))
  if (actual !== kind)
    throw rejected('registration', `the enclave says that its evidence is ${kind}, it is ${actual}`)
}

/** More than any registration needs, whatever others do in between. */
const MAX_STEPS = 20

/** Each step as the chain is by then, by transactions that are stored before they are sent. */
async function carryOut(plan: RegistrationPlan, { transactions, identity }: RegisterOptions): Promise<void> {
  let [step] = plan.steps
  for (let count = 0; step && count < MAX_STEPS; count++) {
    const taken: RegistrationStep = step
    const mined = await accepted(transactions, intentOf(taken, identity)).catch(async refusal => {
      // Registration is open to anyone: who copied ours out of the mempool and came first did it for us.
      if ((await planned(plan.current)) === undefined) throw refusal
      return true
    })
    ;[step] = await planned(() => plan.remaining(mined ? taken : undefined))
  }
  if (step) throw rejected('registration', `it is not complete after ${MAX_STEPS} transactions`)
}

/** Its purpose is counted by its first word: docs/operating.md, Metrics. */
function intentOf({ call, registers }: RegistrationStep, { receiptKey }: Identity): Intent {
  const { address, abi, functionName, args } = call
  return {
    purpose: `${registers ? 'register' : 'certificate'}:${receiptKey}`,
    target: address,
    data: encodeFunctionData({ abi, functionName, args }),
  }
}

/** What the chain or the evidence refuses may pass with fresh evidence; everything else is the node's. */
async function planned<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await callContract(work)
  } catch (error) {
    throw error instanceof NacreError ? rejected('registration', error.message) : error
  }
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

/** False when its nonce was used by another program of the account, such as `nacre`: then it was not refused, either. */
async function accepted(transactions: Transactions, intent: Intent): Promise<boolean> {
  const gas = await transactions.estimate(intent).catch(cause => {
    if (cause instanceof RetryableError) throw cause
    throw rejected(intent.purpose, cause instanceof Error ? cause.message : String(cause))
  })
  const row = await transactions.mined(await transactions.send(intent, gas))
  if (row.status === 'lost') return false
  if (row.status !== 'success') throw rejected(intent.purpose, await transactions.explain(row))
  return true
}

/** Retryable: fresh evidence over a newer block may pass, and what is wrong for good shows in the log. */
function rejected(purpose: string, reason: string): RetryableError {
  return new RetryableError('EVIDENCE_REJECTED', `The chain refused ${purpose}: ${reason}`, {
    fix: 'Check the clock, that the release lists this measurement, and that the verifier has this root.',
  })
}
