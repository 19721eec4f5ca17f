import { NacreError } from '../errors.ts'
import { type CborMap, type CborValue, decodeCbor, encodeCbor } from './cbor.ts'
import type { CollateralFiles } from './collateral.ts'

/** Kinds of evidence that verifier enclaves judge, by their number in statements (docs/protocol.md, Release). */
export const CASE_KIND = { tdx: 3, snp: 4, sgx: 5, nvidia: 6 } as const
export type CaseTee = keyof typeof CASE_KIND

/** What a verifier enclave judges: evidence, the collateral that its verifier takes, and as of when. */
export type EvidenceCase = {
  tee: CaseTee
  evidence: Uint8Array
  collateral: CollateralFiles
  /** Seconds since 1970: the word of who asks. Whoever reads the statement compares it with a clock of its own. */
  time: bigint
}

/** Longest case, bytes: a quote with Intel's collateral has 50,000. */
export const MAX_CASE: number = 2 ** 20
export const MAX_CASE_EVIDENCE = 65_536
export const MAX_CASE_PIECES = 64

const VERSION = 1
const NAME = /^[ -~]{1,128}$/

/**
 * Canonical bytes (docs/protocol.md, Case): the same case has one encoding, whatever the order of its files.
 * @throws NacreError invalid-case, invalid-cbor, too-large
 */
export function encodeCase({ tee, evidence, collateral, time }: EvidenceCase): Uint8Array {
  const files = [...collateral].sort(([a], [b]) => (a < b ? -1 : 1))
  if (time < 0n || time > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid('its time is not within 2^53 - 1')
  const bytes = encodeCbor([VERSION, tee, evidence, new Map(files), Number(time)])
  decodeCase(bytes)
  return bytes
}

/**
 * The case of canonical bytes; evidence and collateral are views of them, and nothing of them is looked at.
 * @throws NacreError too-large, invalid-cbor, invalid-text, unsupported-version, invalid-case
 */
export function decodeCase(bytes: Uint8Array): EvidenceCase {
  const parts = decodeCbor(bytes, { maxBytes: MAX_CASE, maxDepth: 2 })
  if (!Array.isArray(parts)) throw invalid('it is no array')
  const [version, tee, evidence, files, time] = parts
  if (typeof version !== 'number') throw invalid('it has no version')
  if (version !== VERSION) throw new NacreError('unsupported-version', `case version ${version}, known: 1`)
  if (parts.length !== 5) throw invalid(`${parts.length} parts, and a case has 5`)
  if (!(evidence instanceof Uint8Array)) throw invalid('its evidence is no byte string')
  if (evidence.length > MAX_CASE_EVIDENCE)
    throw new NacreError('too-large', `evidence of ${evidence.length} bytes, at most ${MAX_CASE_EVIDENCE}`)
  if (typeof time !== 'number' || time < 0) throw invalid('its time is no whole number of seconds')
  return { tee: teeOf(tee), evidence, collateral: collateralOf(files), time: BigInt(time) }
}

function teeOf(tee: CborValue | undefined): CaseTee {
  if (typeof tee === 'string' && Object.hasOwn(CASE_KIND, tee)) return tee as CaseTee
  throw invalid(`its TEE is none of ${Object.keys(CASE_KIND).join(', ')}`)
}

/** Names rise strictly, so that nobody gives one case two hashes. */
function collateralOf(files: CborValue | undefined): CollateralFiles {
  if (!(files instanceof Map)) throw invalid('its collateral is no map')
  if (files.size > MAX_CASE_PIECES)
    throw new NacreError('too-large', `${files.size} pieces of collateral, at most ${MAX_CASE_PIECES}`)
  return new Map(namesRising(files))
}

function* namesRising(files: CborMap): Generator<[string, Uint8Array]> {
  let last = ''
  for (const [name, piece] of files) {
    if (typeof name !== 'string' || !NAME.test(name)) throw invalid('a name is not printable ASCII')
    if (name <= last) throw invalid('the names of its collateral do not rise')
    if (!(piece instanceof Uint8Array)) throw invalid('a piece of its collateral is no byte string')
    last = name
    yield [name, piece]
  }
}

function invalid(reason: string): NacreError {
  return new NacreError('invalid-case', `not a case: ${reason}`)
}
