import { planVouched, type VouchedPlan } from '@nacre/sdk/attest/registerVerdict'
import { readVerdictContract } from '@nacre/sdk/attest/verifierContracts'
import {
  type CollateralFiles,
  type EnclaveConfig,
  type Evidence,
  fromHex,
  type Hex,
  type Identity,
  messageOf,
  NacreError,
  splitSnpEvidence,
} from '@nacre/verify'
import { parseDstackBundle } from '@nacre/verify/attest/dstackBundle'
import type { PublicClient } from 'viem'
import { callContract } from '../chain/reverts.ts'
import { FatalError, RetryableError } from '../common/errors.ts'
import { readCollateral } from './collateral.ts'

/** Who vouches for evidence that no contract verifies, and what they need to judge it. */
export type Verifiers = {
  /** Operators of verifier enclaves, at least two. */
  urls: readonly string[]
  /** What `nacre attestation collateral fetch` writes. */
  collateralDir: string
}

export type VouchedOptions = {
  client: PublicClient
  contracts: { enclaveRegistry: Hex }
  identity: Identity
  config: EnclaveConfig
  verifiers: Verifiers
}

/** Evidence that no contract verifies, as verifier enclaves judge it: what dstack's guest makes is a quote of TDX with a log. */
const JUDGED_AS = { tdx: 'tdx', snp: 'snp', dstack: 'tdx' } as const
export type VouchedKind = keyof typeof JUDGED_AS

/** A verifier enclave judges in a second; its operator has other clients too. */
const TIMEOUT_MS = 60_000
/** An answer has the question in it, a case of a mebibyte at most, as hex; 16 that send more are not to fill the memory. */
const MAX_ANSWER = 8 * 2 ** 20

/** Whether registering such evidence takes the word of verifier enclaves. */
export function isVouched(kind: string): kind is VouchedKind {
  return Object.hasOwn(JUDGED_AS, kind)
}

/**
 * Asks the verifiers, and plans the registration with the first two that agree and that the chain counts. Throws
 * EVIDENCE_REJECTED when they or the chain refuse the evidence, VERIFIERS_UNAVAILABLE when there are no two,
 * CONFIG_INVALID, CHAIN_UNAVAILABLE; all may pass.
 */
export async function planByVerdicts(
  { client, contracts, identity, config, verifiers }: VouchedOptions,
  { kind, bytes }: Evidence & { kind: VouchedKind },
  anchorNumber: bigint,
): Promise<VouchedPlan> {
  const collateral = await readCollateral(verifiers.collateralDir)
  const operators = verifiers.urls.map(url => ({ url, timeoutMs: TIMEOUT_MS, maxBytes: MAX_ANSWER }))
  try {
    const judged = caseOf(kind, fromHex(bytes), collateral)
    const deployment = contracts
    const subject = { client, deployment, identity, config, anchorNumber }
    return await callContract(() => planVouched({ ...subject, operators, judged }))
  } catch (error) {
    throw error instanceof NacreError ? refusalOf(error) : error
  }
}

/**
 * Before anything starts: the chain has a contract that takes verdicts of this kind, and the collateral can be read.
 * Throws CONFIG_INVALID for good, CHAIN_UNAVAILABLE.
 */
export async function checkVerifiers(
  client: PublicClient,
  registry: Hex,
  kind: VouchedKind,
  { collateralDir }: Verifiers,
): Promise<void> {
  try {
    await callContract(() => readVerdictContract(client, registry, JUDGED_AS[kind]))
    await readCollateral(collateralDir)
  } catch (error) {
    if (
      !(error instanceof NacreError || (error instanceof RetryableError && error.code === 'CONFIG_INVALID'))
    )
      throw error
    const { message, fix } = error
    throw new FatalError('CONFIG_INVALID', message, { cause: error, ...(fix !== undefined && { fix }) })
  }
}

function caseOf(kind: VouchedKind, evidence: Uint8Array, collateral: CollateralFiles) {
  const tee = JUDGED_AS[kind]
  if (kind === 'dstack') return { tee, evidence: quoteOf(evidence), collateral }
  if (kind === 'tdx') return { tee, evidence, collateral }
  const split = splitSnpEvidence(evidence)
  return { tee, evidence: split.report, collateral: new Map([...collateral, ...split.collateral]) }
}

function quoteOf(bundle: Uint8Array): Uint8Array {
  try {
    return parseDstackBundle(bundle).quote
  } catch (cause) {
    const message = `The enclave's evidence is no bundle of dstack: ${messageOf(cause)}`
    throw new RetryableError('EVIDENCE_REJECTED', message, {
      fix: 'Check that dstack’s guest agent is of a version that Nacre knows.',
      cause,
    })
  }
}

/** What is wrong with who is asked; everything else is wrong with the evidence, or with its collateral. */
const OF_VERIFIERS = new Set(['unreachable', 'operator-error', 'bad-answer', 'unverified-answer'])
/** The contract's errors about who signed, beside those of the evidence. */
const UNCOUNTED =
  /\b(NotNitro|ReleaseNotAccepted|OperatorNotAccepted|KeyNotClaimed|SameOperator|UnknownKey|RevokedKey|ExpiredKey)\b/

function refusalOf({ code, message, fix }: NacreError<string>): RetryableError {
  const uncounted = code === 'relay-reverted' && UNCOUNTED.test(message)
  if (OF_VERIFIERS.has(code) || uncounted)
    return new RetryableError('VERIFIERS_UNAVAILABLE', `No two verifier enclaves vouch: ${message}`, {
      fix: `${fix ?? ''} Name more of them in tee.verifiers, of operators that the chain’s VerifierEnclave accepts.`.trim(),
    })
  return new RetryableError('EVIDENCE_REJECTED', `Verifier enclaves or the chain refuse it: ${message}`, {
    fix: 'Renew the collateral (nacre attestation collateral fetch); check the clock, and that the release lists this measurement.',
  })
}
