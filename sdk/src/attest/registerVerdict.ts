import { enclaveRegistryAbi, verifierEnclaveAbi } from '@nacre/contracts'
import { CASE_KIND, type EnclaveConfig, type Hex, type Identity } from '@nacre/verify'
import type { Abi, PublicClient } from 'viem'
import type { Deployment } from '../deployment.ts'
import { explainRevert } from '../revert.ts'
import { configOnChain } from './configOnChain.ts'
import type { RegistrationPlan } from './registerEnclave.ts'
import {
  checkBinding,
  checkIdentity,
  checkLimits,
  checkMeasured,
  findAnchor,
  readRegistered,
  readTime,
  type Subject,
} from './registrationChecks.ts'
import { caughtUp, type RegistrationStep } from './registrationSteps.ts'
import { readVerdictContract, type VouchedTee } from './verifierContracts.ts'
import { type VerdictEvidence, type VerdictOptions, verdictEvidence } from './verifierEnclaves.ts'

export type VouchedPlanOptions = Pick<VerdictOptions, 'operators'> & {
  client: PublicClient
  deployment: Pick<Deployment, 'enclaveRegistry'>
  /** The enclave's, over the hash of a recent block, with the collateral that judging it needs. */
  judged: { tee: VouchedTee; evidence: Uint8Array; collateral: VerdictOptions['judged']['collateral'] }
  /** What the evidence binds, as the enclave tells it. */
  identity: Identity
  config: EnclaveConfig
  /** Block whose hash is the evidence's nonce. Default: looked up. */
  anchorNumber?: bigint
  /** Who sends. Default: the operator. */
  account?: Hex
}

/** What registering a key takes that two verifier enclaves vouch for: one transaction at most. */
export type VouchedPlan = Pick<RegistrationPlan, 'registered' | 'steps' | 'remaining' | 'current'> & {
  /** None of a key that was registered before. */
  verdict: VerdictEvidence | undefined
}

/** Every error of a registration, whichever contract it comes from. */
const REGISTRY: Abi = [...enclaveRegistryAbi, ...verifierEnclaveAbi.filter(({ type }) => type === 'error')]

/**
 * Plans the registration of a key with evidence that no contract verifies: asks verifier enclaves, as of the newest
 * block, and checks everything that can be checked without a transaction.
 * @throws NacreError as verdictEvidence, and evidence-mismatch, limits-too-low, anchor-unavailable, not-measured,
 * no-verifier, key-ended, relay-reverted with the contract's own error
 */
export async function planVouched(options: VouchedPlanOptions): Promise<VouchedPlan> {
  const { client, deployment, identity, config, anchorNumber } = options
  const subject: Subject = { client, registry: deployment.enclaveRegistry, identity, config, anchorNumber }
  await checkIdentity(subject)
  await checkLimits(subject)
  const current = async () => readRegistered(subject, await readTime(client))
  const registered = await current()
  if (registered) return { registered, verdict: undefined, steps: [], remaining: async () => [], current }
  const verdict = await ask(subject, options)
  const { userData, nonce, measurement } = verdict.statement
  checkBinding(subject, { userData })
  const anchor = await findAnchor(subject, { nonce })
  await checkMeasured(subject, { tee: options.judged.tee, measurement })
  const step = await stepOf(subject, { ...options, verdict, anchor })
  const missing = async () => ((await current()) ? [] : [step])
  return {
    registered,
    verdict,
    steps: await missing(),
    remaining: mined => caughtUp(client, missing, mined),
    current,
  }
}

async function ask(
  { client, registry }: Subject,
  { operators, judged }: VouchedPlanOptions,
): Promise<VerdictEvidence> {
  const { address, policy } = await readVerdictContract(client, registry, judged.tee)
  // The contract takes no statement that is ahead of its block: the newest one's time is not.
  const { timestamp: time } = await client.getBlock()
  const verifier = { client, address }
  return verdictEvidence({ operators, artifact: policy, judged: { ...judged, time }, verifier })
}

async function stepOf(
  { client, registry, identity, config }: Subject,
  {
    judged,
    verdict,
    anchor,
    account = config.operator,
  }: VouchedPlanOptions & { verdict: VerdictEvidence; anchor: bigint },
): Promise<RegistrationStep> {
  const { receiptKey, tlsKeyHash, hpkeKey } = identity
  const keys = { receiptKey, tlsKeyHash, hpkeKey }
  const args = [CASE_KIND[judged.tee], verdict.evidence, '0x', keys, configOnChain(config), anchor]
  const call = { address: registry, abi: REGISTRY, functionName: 'register', args }
  const gas = await client.estimateContractGas({ ...call, account } as never).catch(error => {
    throw explainRevert(error)
  })
  return { what: 'register the key', call, registers: true, cached: 0, fresh: 0, gas, measured: true }
}
