import { type EvidenceCrypto, withEvidenceDefaults } from '../attest/crypto.ts'
import { type Attestation, checkSimulated } from '../attest/simulated.ts'
import { fromHex, type Hex } from '../bytes.ts'
import { type Checklist, ensure, type Fact, passed } from '../checks.ts'
import type { CryptoProvider } from '../crypto.ts'
import type { Evidence } from '../evidence.ts'
import type { Policy } from '../policy.ts'
import { checkNitro } from './nitro.ts'

export type EvidenceContext = {
  policy: Policy
  /** Seconds since 1970. */
  time: bigint
  /** All of which the evidence has to be over. */
  nonces: Hex[]
  crypto: CryptoProvider & Partial<EvidenceCrypto>
}

/** Kinds that are complete in themselves: of the others a bundle has no collateral. */
const VERIFIED: readonly string[] = ['simulated', 'nitro']

/** Whether evidence is authentic, by the rules of its kind and under the roots that the policy names for it. */
export function checkEvidence(
  list: Checklist,
  evidence: Evidence,
  { policy, time, nonces, crypto }: EvidenceContext,
): Fact<Attestation> {
  const bytes = checkKind(list, evidence)
  if (evidence.kind === 'nitro') {
    const roots = policy.nitroRoots?.map(root => root.slice(2))
    return checkNitro(list, bytes, { roots, time, nonces, crypto: withEvidenceDefaults(crypto) })
  }
  const roots = policy.developmentRoots.map(root => fromHex(root))
  return checkSimulated(list, bytes, { roots, time, nonces, crypto })
}

function checkKind(list: Checklist, { kind, bytes }: Evidence): Fact<Uint8Array> {
  return list.check('evidence-kind', [], () => {
    const why =
      `evidence of kind ${kind} is not verified from a bundle, which has no collateral for it: whether it was ` +
      'accepted is the word of the registry, which knows the key or does not'
    ensure(VERIFIED.includes(kind), why)
    return passed(kind, fromHex(bytes))
  })
}
