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
import type { SecurityModule } from './securityModule.ts'

export type Evidence = { kind: 'simulated'; bytes: Hex }

/** What the evidence binds: the receipt key and the configuration. This image has no TLS and no HPKE key. */
export function makeIdentity(config: EnclaveConfig, receiptKey: Hex): Identity {
  return { version: 1, receiptKey, tlsKeyHash: ZERO_HASH, hpkeKey: ZERO_HASH, configHash: configHash(config) }
}

/** Fresh evidence for the identity over the verifier's nonce. @throws ChannelError security-module */
export async function attest(module: SecurityModule, identity: Identity, nonce: Hex): Promise<Evidence> {
  const bytes = await module.attest(fromHex(userData(identity)), fromHex(nonce))
  return { kind: 'simulated', bytes: toHex(bytes) }
}
