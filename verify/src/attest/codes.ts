import { messageOf } from '../errors.ts'

/** Why evidence is not valid: it proves nothing, whatever is wanted of it. */
export const NOT_VALID = [
  'malformed',
  'too-large',
  'unsupported',
  'untrusted-root',
  'broken-chain',
  'expired',
  'not-yet-valid',
  'revoked',
  'bad-signature',
  'wrong-binding',
  'wrong-identity',
  'missing-collateral',
  'bad-collateral',
  'stale-collateral',
  'unknown-tcb',
] as const

/** Why valid evidence is not accepted: another policy might accept it. */
export const NOT_WANTED = [
  'debug-refused',
  'migration-refused',
  'vmpl-not-accepted',
  'measurement-not-accepted',
  'tcb-status-not-accepted',
  'tcb-below-minimum',
  'too-old',
  'age-unknown',
  'nonce-mismatch',
  'report-data-mismatch',
  'public-key-mismatch',
  'platform-not-accepted',
  'partial-refused',
] as const

export type RefusalCode = (typeof NOT_VALID)[number] | (typeof NOT_WANTED)[number]

/** The closed list of docs/attestation.md, "Codes". */
export type VerdictCode = 'ok' | RefusalCode

/** Fails the running check with a code of the closed list. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: RefusalCode

  constructor(code: RefusalCode, message: string) {
    super(message)
    this.code = code
  }
}

/** Fails the running check with a code unless the condition holds; a reason that costs time is made when it is needed. */
export function demand(
  condition: boolean,
  code: RefusalCode,
  reason: string | (() => string),
): asserts condition {
  if (!condition) throw new Refusal(code, typeof reason === 'string' ? reason : reason())
}

/** Runs a step whose own errors mean something else here, such as malformed collateral. */
export function refusing<T>(code: RefusalCode, step: () => T): T {
  try {
    return step()
  } catch (error) {
    throw error instanceof Refusal ? error : new Refusal(code, messageOf(error))
  }
}

/** Whether a code is of evidence that proves nothing, rather than of evidence that is not wanted. */
export function isNotValid(code: VerdictCode): boolean {
  return (NOT_VALID as readonly string[]).includes(code)
}
