import {
  configHash,
  type EnclaveConfig,
  fromHex,
  type Hex,
  type Identity,
  toHex,
  userData,
  ZERO_HASH,
} from '@nacre/verify'
import type { Evidence, EvidenceKind } from '@nacre/verify/evidence'
import { ChannelError } from '../errors.ts'

/**
 * Has the platform make evidence over these bytes: the user data is the enclave's own, the nonce whoever's asks.
 * @throws ChannelError security-module
 */
export type Provider = (userData: Uint8Array, nonce: Uint8Array) => Promise<Uint8Array>

/** The keys that an image has beside its receipt key. */
export type OtherKeys = Pick<Identity, 'tlsKeyHash' | 'hpkeKey'>

const NO_OTHER_KEYS: OtherKeys = { tlsKeyHash: ZERO_HASH, hpkeKey: ZERO_HASH }

/** What the evidence binds: the enclave's keys and its configuration. */
export function makeIdentity(
  config: EnclaveConfig,
  receiptKey: Hex,
  { tlsKeyHash, hpkeKey }: OtherKeys = NO_OTHER_KEYS,
): Identity {
  return { version: 1, receiptKey, tlsKeyHash, hpkeKey, configHash: configHash(config) }
}

/** Fresh evidence for one identity, of one kind. */
export type Attester = {
  /** Before anything is done for a call that wants evidence. @throws ChannelError malformed-job */
  require(nonce: Hex): void
  /** @throws ChannelError malformed-job, security-module */
  attest(nonce: Hex): Promise<Evidence>
}

/** Half of the report data of a machine's report is the user data: the other half is for the nonce. */
const REPORT_NONCE = 32

export function createAttester(kind: EvidenceKind, provide: Provider, identity: Identity): Attester {
  const bound = fromHex(userData(identity))
  const isReport = kind !== 'simulated' && kind !== 'nitro'
  const require = (nonce: Hex) => {
    const size = nonce.length / 2 - 1
    if (isReport && size !== REPORT_NONCE)
      throw new ChannelError('malformed-job', `a nonce of ${size} bytes: evidence of kind ${kind} takes 32`)
  }
  return {
    require,
    async attest(nonce) {
      require(nonce)
      return { kind, bytes: toHex(await provide(bound, fromHex(nonce))) }
    },
  }
}

/** 64 bytes: user data and nonce, 32 each (docs/protocol.md, Enclave configuration and identity). */
export function reportDataOf(userData: Uint8Array, nonce: Uint8Array): Uint8Array {
  return Buffer.concat([userData, nonce])
}

/** No evidence: the same call may succeed later. */
export function unavailable(what: string, reason: string, cause?: unknown): ChannelError {
  return new ChannelError('security-module', `${what}: ${reason}`, cause)
}
