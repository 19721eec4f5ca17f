import { enclaveRegistryAbi, releasesAbi, simulatedVerifierAbi } from '@nacre/contracts'
import {
  type EnclaveConfig,
  fromHex,
  type Hex,
  type Identity,
  type ReceiptBundle,
  sha256,
  TEE_KIND,
  toHex,
} from '@nacre/verify'
import { decodeSign1 } from '@nacre/verify/attest/cose'
import { decodeDocument } from '@nacre/verify/attest/document'
import { encodeFunctionData, type PublicClient, zeroAddress } from 'viem'
import { callContract } from '../chain/reverts.ts'
import { FatalError, RetryableError } from '../common/errors.ts'
import type { Intent, Transactions } from './transactions.ts'

type Evidence = ReceiptBundle['evidence']

export type RegisterOptions = {
  client: PublicClient
  transactions: Transactions
  contracts: { enclaveRegistry: Hex; simulatedVerifier: Hex }
  identity: Identity
  config: EnclaveConfig
  /** Evidence of the enclave over a nonce. */
  attest: (nonce: Hex) => Promise<Evidence>
}

/** What the chain was shown, and the evidence's own time in seconds. */
export type Registration = { evidence: Evidence; evidenceNonce: Hex; time: number }

const MAX_EVIDENCE = 8_192
/** The registry takes evidence of at most an hour; some of it goes by until the transaction is mined. */
const MAX_AHEAD_S = 3_500
/** A short reorganisation leaves the block that the evidence names; the registry takes one of the last 256. */
const ANCHOR_DEPTH = 3n

/**
 * Has the chain verify an enclave's evidence over the hash of a recent block and register its key.
 * Throws EVIDENCE_REJECTED when the chain refuses, CHAIN_UNAVAILABLE when it is away.
 */
export async function register(options: RegisterOptions): Promise<Registration> {
  const { client, contracts, identity, config, transactions } = options
  const anchor = await callContract(async () => {
    const { number, timestamp } = await client.getBlock()
    checkClock(timestamp)
    return client.getBlock({ blockNumber: number > ANCHOR_DEPTH ? number - ANCHOR_DEPTH : 0n })
  })
  const evidence = await options.attest(anchor.hash)
  const document = decodeDocument(decodeSign1(fromHex(evidence.bytes), MAX_EVIDENCE).payload)
  await cacheCertificate(options, document.certificate)
  const { receiptKey, tlsKeyHash, hpkeKey } = identity
  const { operator, releaseId, maxInput, maxOutput } = config
  const intent = {
    purpose: `register:${receiptKey}`,
    target: contracts.enclaveRegistry,
    data: encodeFunctionData({
      abi: enclaveRegistryAbi,
      functionName: 'register',
      args: [
        TEE_KIND.simulated,
        evidence.bytes,
        '0x',
        { receiptKey, tlsKeyHash, hpkeKey },
        { operator, releaseId, maxInput, maxOutput },
        anchor.number,
      ],
    }),
  }
  await accepted(transactions, intent).catch(async refusal => {
    // Registration is open to anyone: who copied ours out of the mempool and came first did it for us.
    if ((await keyState(client, contracts.enclaveRegistry, options)) === 'unknown') throw refusal
  })
  return { evidence, evidenceNonce: anchor.hash, time: Math.floor(document.timestamp / 1000) }
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
  return key.revoked || timestamp > BigInt(key.expiresAt) ? 'ended' : 'registered'
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

async function cacheCertificate(
  { client, contracts, transactions }: RegisterOptions,
  certificate: Uint8Array,
): Promise<void> {
  const verifier = { address: contracts.simulatedVerifier, abi: simulatedVerifierAbi } as const
  const args = [sha256(certificate)] as const
  if (await callContract(() => client.readContract({ ...verifier, functionName: 'isCached', args }))) return
  const root = await callContract(() => client.readContract({ ...verifier, functionName: 'rootId' }))
  await accepted(transactions, {
    purpose: `certificate:${args[0]}`,
    target: contracts.simulatedVerifier,
    data: encodeFunctionData({
      abi: simulatedVerifierAbi,
      functionName: 'cacheCertificate',
      args: [toHex(certificate), root, '0x'],
    }),
  })
}

async function accepted(transactions: Transactions, intent: Intent): Promise<void> {
  const gas = await transactions.estimate(intent).catch(cause => {
    if (cause instanceof RetryableError) throw cause
    throw rejected(intent, cause instanceof Error ? cause.message : String(cause))
  })
  const row = await transactions.mined(await transactions.send(intent, gas))
  if (row.status !== 'success') throw rejected(intent, await transactions.explain(row))
}

/** Retryable: fresh evidence over a newer block may pass, and what is wrong for good shows in the log. */
function rejected({ purpose }: Intent, reason: string): RetryableError {
  return new RetryableError('EVIDENCE_REJECTED', `The chain refused ${purpose}: ${reason}`, {
    fix: 'Check the clock, that the release lists this measurement, and that the verifier has this root.',
  })
}
