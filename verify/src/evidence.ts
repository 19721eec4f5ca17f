import type { Hex } from './bytes.ts'
import { hexOf, objectOf, oneOf, type Parser } from './shape.ts'

/** What enclaves attest themselves with: a security module, simulated or AWS's, or the report of a whole machine. */
export const EVIDENCE_KINDS = ['simulated', 'nitro', 'tdx', 'snp', 'dstack'] as const
export type EvidenceKind = (typeof EVIDENCE_KINDS)[number]

/** Evidence as it travels, with its kind beside it (docs/protocol.md, Evidence). */
export type Evidence = { kind: EvidenceKind; bytes: Hex }

/**
 * The longest evidence of each kind, bytes: what the verifiers take of the first two, and of the others more than is
 * seen of any. Numbers, not the verifiers' own names: the enclave has this file and no verifier of Nitro.
 */
export const MAX_EVIDENCE_SIZE: Readonly<Record<EvidenceKind, number>> = {
  simulated: 8192,
  nitro: 16_512,
  tdx: 65_536,
  snp: 65_536,
  dstack: 65_536,
}

const parseKind = oneOf(...EVIDENCE_KINDS)

/** Checks the form alone. @throws NacreError wrong-type and kin, too-large */
export const parseEvidence: Parser<Evidence> = (value, path) => {
  const kind = parseKind((value as { kind?: unknown } | null)?.kind, `${path}.kind`)
  return objectOf<Evidence>({ kind: parseKind, bytes: hexOf({ max: MAX_EVIDENCE_SIZE[kind] }) })(value, path)
}
