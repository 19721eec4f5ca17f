import { type Check, type Checklist, createChecklist, type Fact } from '../checks.ts'
import { NacreError } from '../errors.ts'
import type { Attested, Tee } from './attested.ts'
import { checkPolicy } from './checkPolicy.ts'
import { isNotValid, Refusal, type RefusalCode, type VerdictCode } from './codes.ts'
import { digestCollateral } from './collateral.ts'
import { type EvidenceCrypto, withEvidenceDefaults } from './crypto.ts'
import { type EvidencePolicy, parseEvidencePolicy } from './evidencePolicy.ts'

/** The outcome of a verification: every check, and what was found when all of those of authenticity hold. */
export type Verdict = Omit<Attested, 'nonce' | 'tcb' | 'timestamp'> & {
  tee: Tee
  /** Valid and wanted: every check holds. */
  ok: boolean
  /** `ok`, or of all that failed the first reason that makes it not valid, or else not wanted. */
  code: VerdictCode
  checks: Check[]
  /** Security versions by component. */
  tcb: Record<string, number>
  /** False when the policy pins no measurement: then any code inside such a TEE passes. */
  pinned: boolean
  /** SHA-256 over exactly the collateral that was used, see `digestCollateral`. */
  collateralDigest: string
  /** The time as of which this holds, seconds since 1970. */
  time: bigint
}

/** What every verifier of a kind of evidence gets beside the evidence itself. */
export type EvidenceContext = {
  /** Pieces of collateral that checks used, by name: they put them in, and the verdict has their digest. */
  used: Record<string, Uint8Array>
  /** Seconds since 1970: everything must be valid then. */
  time: bigint
  policy: EvidencePolicy
  crypto: EvidenceCrypto
}

/**
 * What a verifier starts with.
 * @throws NacreError invalid-context for a time that is no bigint, and as parseEvidencePolicy: both are the caller's
 */
export function createContext(
  time: bigint,
  policy: EvidencePolicy,
  provider: Partial<EvidenceCrypto> = {},
): EvidenceContext {
  if (typeof time !== 'bigint' || time < 0n)
    throw new NacreError('invalid-context', 'the time is not a bigint of seconds')
  return { used: {}, time, policy: parseEvidencePolicy(policy), crypto: withEvidenceDefaults(provider) }
}

/**
 * Builds a verdict: `authenticate` runs the checks of the format at hand on a list, and the checks of the policy,
 * which are the same for every TEE, follow. Whatever a check throws becomes a failed check with a code.
 */
export function createVerdict(
  tee: Tee,
  { used, time, policy, crypto }: EvidenceContext,
  authenticate: (list: Checklist) => Fact<Attested>,
): Verdict {
  const { list, refusals } = createCodedList()
  const attested = authenticate(list)
  checkPolicy(list, attested, policy, time)
  const code = refusals.find(isNotValid) ?? refusals[0] ?? 'ok'
  const { nonce, timestamp, ...found } = attested.ok ? attested.value : NOTHING
  const ok = attested.ok && code === 'ok' && list.checks.every(check => check.ok)
  const pinned = policy.measurements !== undefined
  const collateralDigest = digestCollateral(used, crypto)
  return { tee, ok, code, checks: list.checks, ...found, pinned, collateralDigest, time }
}

/** Nothing of evidence that is not authentic is passed on: what it claims, anyone can claim. */
const NOTHING: Attested = {
  measurements: {},
  reportData: null,
  nonce: null,
  timestamp: null,
  tcbStatus: null,
  tcb: {},
  advisories: [],
  debug: null,
  partial: null,
  platform: {},
}

function createCodedList(): { list: Checklist; refusals: RefusalCode[] } {
  const { checks, check } = createChecklist()
  const refusals: RefusalCode[] = []
  const list: Checklist = {
    checks,
    check: (name, needs, run) =>
      check(name, needs, (...values) => {
        try {
          return run(...values)
        } catch (error) {
          refusals.push(codeOf(error))
          throw error
        }
      }),
  }
  return { list, refusals }
}

/** Anything else than a refusal comes from reading what was given: it is not what its format says. */
function codeOf(error: unknown): RefusalCode {
  if (error instanceof Refusal) return error.code
  if (error instanceof NacreError && error.code === 'too-large') return 'too-large'
  return 'malformed'
}
