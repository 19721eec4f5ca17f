import { p384 } from '@noble/curves/p384.js'
import { DOUBLINGS, N, P } from './curve.ts'
import { bytesOf, decodeHint, decodeStatement, type Hint, join, type Statement } from './hint.ts'
import { replay, scalarsOf } from './relations.ts'
import { DOCUMENTED, fold } from './transcript.ts'

/** The contract's errors, and acceptance. */
export type Verdict =
  | 'accepted'
  | 'StatementLength'
  | 'HintLength'
  | 'InvalidSchedule'
  | 'OutOfRange'
  | 'ModulusNotPrime'
  | 'NotProven'

const LARGEST_SCHEDULE = 200

/**
 * What section 5 says of a statement and a hint, with integers where the contract has residues: a relation that is
 * false counts as false here, whatever M divides.
 */
export function judge(statementBytes: Uint8Array, hintBytes: Uint8Array): Verdict {
  if (statementBytes.length !== 240) return 'StatementLength'
  if (hintBytes.length < 50) return 'HintLength'
  if (hintBytes[0]! > 1 || hintBytes[1]! > LARGEST_SCHEDULE) return 'InvalidSchedule'
  const hint = decodeHint(hintBytes)
  if (!hint) return 'HintLength'
  const statement = decodeStatement(statementBytes)
  if (!inRange(statement, hint)) return 'OutOfRange'
  const h1 = DOCUMENTED.h1(statement, hint)
  const h2 = DOCUMENTED.h2(h1, hint)
  if (!DOCUMENTED.isPrime(DOCUMENTED.modulus(h2), h2)) return 'ModulusNotPrime'
  if (!isSchedule(hint)) return 'InvalidSchedule'
  return scalarsHold(statement, hint) && relationsHold(statement, hint, h1) ? 'accepted' : 'NotProven'
}

/** Whether the signature holds, by @noble/curves: high s included, the digest taken as it is. */
export function isSignature({ e, r, s, qx, qy }: Statement): boolean {
  const key = join(Uint8Array.of(4), bytesOf(qx, 48), bytesOf(qy, 48))
  try {
    return p384.verify(new p384.Signature(r, s), bytesOf(e, 48), key, { lowS: false, prehash: false })
  } catch {
    return false
  }
}

function inRange({ r, s, qx, qy }: Statement, { flags, y }: Hint): boolean {
  const scalars = [r, s].every(value => value >= 1n && value < N)
  return scalars && [qx, qy, y].every(value => value < P) && (flags === 0 || r < P - N)
}

function isSchedule({ operations }: Hint): boolean {
  const { v } = scalarsOf(operations)
  const doublings = operations.reduce((sum, operation) => sum + operation.doublings, 0)
  return (
    v !== 0n &&
    doublings === DOUBLINGS &&
    operations.every(({ table, index }) => index < (table < 2 ? 8 : 64))
  )
}

function scalarsHold({ e, r, s }: Statement, hint: Hint): boolean {
  const { v, w, g0, g1 } = scalarsOf(hint.operations)
  const g = g0 + (g1 << 192n)
  return w * s + v * r === hint.k1 * N && g * s + v * e === hint.k2 * N
}

function relationsHold(statement: Statement, hint: Hint, h1: Uint8Array): boolean {
  const { rows } = replay(statement, hint)
  const folded = fold(rows, h1, DOCUMENTED)
  const holds = rows.every(row => row.every(({ value }) => value % P === 0n))
  if (folded % P === 0n && !holds) throw new Error('the fold lost a false relation: 2^-152')
  return folded === hint.k * P
}
