import { enclaveRegistryAbi, nitroVerifierAbi, releasesAbi, simulatedVerifierAbi } from '@nacre/contracts'
import {
  configHash,
  type EnclaveConfig,
  type Hex,
  type Identity,
  TEE_KIND,
  type TeeKind,
  userData,
} from '@nacre/verify'
import { iso } from '@nacre/verify/attest/certificate'
import { type PublicClient, zeroAddress } from 'viem'
import { type SdkError, sdkError } from '../errors.ts'
import type { Opened } from './openEvidence.ts'

/** Whose key is to be registered, where, and which block its evidence names. */
export type Subject = {
  client: PublicClient
  registry: Hex
  identity: Identity
  config: EnclaveConfig
  /** Block whose hash is the evidence's nonce; it is looked up when it is not given. */
  anchorNumber?: bigint | undefined
}

/** EIP-2935 keeps the hashes of so many blocks. */
const HISTORY = 8_191n

/** A registration of this key with this release and configuration. Times in seconds. */
export type Registered = { operator: Hex; evidenceTime: number; expiresAt: number }

/**
 * What the chain knows of the key, if anything. Only its own operator's evidence can have registered it: it binds all of
 * this.
 * @throws NacreError key-ended when it was revoked or has expired: no key is registered twice
 */
export async function readRegistered(subject: Subject, time: bigint): Promise<Registered | undefined> {
  const { client, registry, identity, config } = subject
  const args = [identity.receiptKey, config.releaseId, identity.configHash] as const
  const call = { address: registry, abi: enclaveRegistryAbi, functionName: 'keyOf' } as const
  const { operator, evidenceTime, expiresAt, revoked } = await client.readContract({ ...call, args })
  if (operator === zeroAddress) return undefined
  const ended = revoked ? 'was revoked by its operator' : `has expired, at ${iso(BigInt(expiresAt))}`
  if (revoked || time >= BigInt(expiresAt))
    throw sdkError('key-ended', `The key ${identity.receiptKey} was registered and ${ended}.`)
  return { operator: operator.toLowerCase() as Hex, evidenceTime, expiresAt }
}

/** The verifier of a kind of evidence. @throws NacreError no-verifier */
export async function readVerifier(client: PublicClient, registry: Hex, tee: TeeKind): Promise<Hex> {
  const call = { address: registry, abi: enclaveRegistryAbi, functionName: 'verifierOf' } as const
  const verifier = await client.readContract({ ...call, args: [TEE_KIND[tee]] })
  if (verifier !== zeroAddress) return verifier.toLowerCase() as Hex
  throw sdkError('no-verifier', `The registry ${registry} has no verifier of ${tee} evidence.`)
}

/** SHA-256 of the root certificate that a verifier trusts. */
export async function readRoot(client: PublicClient, verifier: Hex, tee: Opened['tee']): Promise<Hex> {
  if (tee === 'nitro')
    return client.readContract({ address: verifier, abi: nitroVerifierAbi, functionName: 'ROOT' })
  return client.readContract({ address: verifier, abi: simulatedVerifierAbi, functionName: 'rootId' })
}

/** The configuration is of this chain and registry, and the identity of this configuration. @throws NacreError evidence-mismatch */
export async function checkIdentity({ client, registry, identity, config }: Subject): Promise<void> {
  const chainId = await client.getChainId()
  if (config.chainId !== BigInt(chainId) || config.registry !== registry)
    throw mismatch(
      `The configuration is for the registry ${config.registry} on chain ${config.chainId}, and this is ` +
        `${registry} on chain ${chainId}`,
    )
  const hash = configHash(config)
  if (identity.configHash !== hash)
    throw mismatch(`The identity is of the configuration ${identity.configHash}, and this one is ${hash}`)
}

/** The registry takes these limits. @throws NacreError limits-too-low */
export async function checkLimits({ client, registry, config }: Subject): Promise<void> {
  const call = { address: registry, abi: enclaveRegistryAbi, functionName: 'LEAST_LIMIT' } as const
  const least = await client.readContract(call)
  const { maxInput, maxOutput } = config
  if (maxInput >= least && maxOutput >= least) return
  throw sdkError(
    'limits-too-low',
    `The enclave is configured for inputs of ${maxInput} and outputs of ${maxOutput} bytes, and the registry wants ${least} of both.`,
  )
}

/** The evidence binds these keys and this configuration. @throws NacreError evidence-mismatch */
export function checkBinding({ identity }: Subject, opened: Pick<Opened, 'userData'>): void {
  const expected = userData(identity)
  if (opened.userData === expected) return
  throw mismatch(
    `The evidence binds other keys or another configuration: its user data is ${opened.userData}, and that of ` +
      `these is ${expected}`,
  )
}

/** No certificate was revoked on this chain. @throws NacreError bad-evidence */
export async function checkRevoked({ client }: Subject, verifier: Hex, opened: Opened): Promise<void> {
  const call = { address: verifier, abi: nitroVerifierAbi, functionName: 'isRevoked' } as const
  const revoked = await Promise.all(opened.signed.map(hash => client.readContract({ ...call, args: [hash] })))
  const position = revoked.indexOf(true)
  if (position === -1) return
  const name = position === 0 ? 'the root' : opened.certificates[position - 1]?.name
  throw sdkError(
    'bad-evidence',
    `A certificate of the evidence was revoked on this chain: ${name}, ${opened.signed[position]}.`,
  )
}

/** The evidence is of now, by the registry's own rules. @throws NacreError evidence-too-old, evidence-from-future */
export async function checkAge({ client, registry }: Subject, opened: Opened, time: bigint): Promise<void> {
  const call = { address: registry, abi: enclaveRegistryAbi } as const
  const [age, skew] = await Promise.all([
    client.readContract({ ...call, functionName: 'MAX_EVIDENCE_AGE' }),
    client.readContract({ ...call, functionName: 'MAX_CLOCK_SKEW' }),
  ])
  const [begin, end] = [opened.timestamp - BigInt(skew), opened.timestamp + BigInt(age)]
  const made = `The evidence was made at ${iso(opened.timestamp)}: the registry`
  const now = `and the chain’s time is ${iso(time)}.`
  if (time > end) throw sdkError('evidence-too-old', `${made} took it until ${iso(end)}, ${now}`)
  if (time < begin) throw sdkError('evidence-from-future', `${made} takes it from ${iso(begin)} on, ${now}`)
}

/** Number of the block that the evidence names. @throws NacreError anchor-unavailable */
export async function findAnchor(
  { client, anchorNumber }: Subject,
  { nonce }: Pick<Opened, 'nonce'>,
): Promise<bigint> {
  const number = anchorNumber ?? (await hashedBlock(client, nonce))
  if (number === undefined)
    throw unavailable(`the evidence’s nonce ${nonce} is the hash of no block that the node knows`)
  const [latest, block] = await Promise.all([
    client.getBlockNumber(),
    client.getBlock({ blockNumber: number }).catch(absent),
  ])
  if (block?.hash !== nonce)
    throw unavailable(
      `the evidence’s nonce is ${nonce}, and block ${number} is ${block?.hash ?? 'not there'}`,
    )
  if (latest - number < HISTORY) return number
  throw unavailable(
    `block ${number} is ${latest - number} blocks ago, and contracts see at most ${HISTORY} back`,
  )
}

/** The release lists this measurement and is not revoked. @throws NacreError not-measured */
export async function checkMeasured(
  subject: Subject,
  { tee, measurement }: { tee: TeeKind; measurement: Hex },
): Promise<void> {
  const { client, registry, config } = subject
  const { releaseId } = config
  const releases = await client.readContract({
    address: registry,
    abi: enclaveRegistryAbi,
    functionName: 'RELEASES',
  })
  const call = { address: releases, abi: releasesAbi } as const
  const [[publisher, revoked], measured] = await Promise.all([
    client.readContract({ ...call, functionName: 'releaseOf', args: [releaseId] }),
    client.readContract({
      ...call,
      functionName: 'isMeasured',
      args: [releaseId, TEE_KIND[tee], measurement],
    }),
  ])
  if (publisher === zeroAddress) throw notMeasured(`Release ${releaseId} is not listed on this chain.`)
  if (revoked) throw notMeasured(`Release ${releaseId} was revoked by its publisher.`)
  if (!measured)
    throw notMeasured(
      `Release ${releaseId} does not list what the ${tee} evidence measures, digest ${measurement}.`,
    )
}

/** The time of the next block: of a chain that mines none without traffic, the newest one's stands still. */
export async function readTime(client: PublicClient): Promise<bigint> {
  const [latest, pending] = await Promise.all([
    client.getBlock(),
    client.getBlock({ blockTag: 'pending' }).catch(() => undefined),
  ])
  return pending !== undefined && pending.timestamp > latest.timestamp ? pending.timestamp : latest.timestamp
}

async function hashedBlock(client: PublicClient, hash: Hex): Promise<bigint | undefined> {
  const block = await client.getBlock({ blockHash: hash }).catch(absent)
  return block?.number ?? undefined
}

function absent(error: unknown): undefined {
  if (error instanceof Error && error.name === 'BlockNotFoundError') return undefined
  throw error
}

function mismatch(message: string): SdkError {
  return sdkError('evidence-mismatch', `${message}.`)
}

function unavailable(why: string): SdkError {
  return sdkError('anchor-unavailable', `The block that the evidence names is not available: ${why}.`)
}

function notMeasured(message: string): SdkError {
  return sdkError('not-measured', message)
}
