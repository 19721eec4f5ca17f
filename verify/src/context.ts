import type { Hex } from './bytes.ts'
import { NacreError } from './errors.ts'

/** What the caller asked for; each one given is checked. Without them a replayed receipt cannot be told. */
export type Expectations = {
  requestId?: Hex
  /** Nonce of a client request, 32 bytes. */
  clientNonce?: Hex
  /** Nonce that the caller sent for the evidence, 1 to 64 bytes. */
  evidenceNonce?: Hex
  artifact?: Hex
  /** Hash of the input's bytes. */
  input?: Hex
  consumer?: Hex
  relay?: Hex
  chainId?: bigint
  registry?: Hex
}

/** Facts that the caller read on chain; each one given is checked. */
export type ChainFacts = {
  /** Of `EnclaveRegistry.keyOf(identity.receiptKey, receipt.releaseId, receipt.configHash)`; `keyOperator` is zero for a key that is not registered. */
  keyOperator?: Hex
  keyReleaseId?: Hex
  keyConfigHash?: Hex
  keyRevoked?: boolean
  /** Seconds; the key must not have expired at the context's time. */
  keyExpiresAt?: bigint
  /** Of `Releases.releaseOf(receipt.releaseId)`; zero for a release that is not listed. */
  releasePublisher?: Hex
  releaseRevoked?: boolean
  /** Hash of the block receipt.anchorNumber; zero when the chain has none. */
  anchorHash?: Hex
}

/** Everything that verification depends on beside bundle and policy; `time` in seconds since 1970. */
export type VerifyContext = { time: bigint; expect?: Expectations; chain?: ChainFacts }

type Kind = 'hash' | 'address' | 'nonce' | 'count' | 'flag'

const EXPECT: Record<keyof Expectations, Kind> = {
  requestId: 'hash',
  clientNonce: 'hash',
  evidenceNonce: 'nonce',
  artifact: 'hash',
  input: 'hash',
  consumer: 'address',
  relay: 'address',
  chainId: 'count',
  registry: 'address',
}

const CHAIN: Record<keyof ChainFacts, Kind> = {
  keyOperator: 'address',
  keyReleaseId: 'hash',
  keyConfigHash: 'hash',
  keyRevoked: 'flag',
  keyExpiresAt: 'count',
  releasePublisher: 'address',
  releaseRevoked: 'flag',
  anchorHash: 'hash',
}

/**
 * Refuses a context that would silently check less than the caller meant: a misspelt field, an address in mixed
 * case, a field that is present but undefined.
 * @throws NacreError invalid-context
 */
export function requireContext(context: VerifyContext): void {
  if (!isKind(context.time, 'count')) throw invalid('time', 'is not a bigint of seconds')
  requireFields('expect', context.expect ?? {}, EXPECT)
  requireFields('chain', context.chain ?? {}, CHAIN)
}

function requireFields(name: string, fields: object, kinds: Record<string, Kind>): void {
  for (const [field, value] of Object.entries(fields)) {
    const kind = Object.hasOwn(kinds, field) ? kinds[field] : undefined
    if (!kind) throw invalid(`${name}.${field}`, 'is not known')
    if (!isKind(value, kind)) throw invalid(`${name}.${field}`, `is no ${kind}`)
  }
}

function isKind(value: unknown, kind: Kind): boolean {
  if (kind === 'count') return typeof value === 'bigint' && value >= 0n
  if (kind === 'flag') return typeof value === 'boolean'
  const size = typeof value === 'string' && /^0x([0-9a-f]{2})+$/.test(value) ? value.length / 2 - 1 : 0
  if (kind === 'nonce') return size >= 1 && size <= 64
  return size === (kind === 'address' ? 20 : 32)
}

function invalid(field: string, reason: string): NacreError {
  return new NacreError('invalid-context', `context.${field} ${reason}`)
}
