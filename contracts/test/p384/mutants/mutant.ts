import type { Edit } from '../compile.ts'
import type { Hint, Statement } from '../hint.ts'

/** What is sent: bytes where the encoding itself is the attack. */
export type Attack = { statement: Statement | Uint8Array; hint: Hint | Uint8Array }

/**
 * P384.sol without one check, and what the check is for.
 *
 * - `forgery`: the mutant accepts a signature that does not hold.
 * - `encoding`: the mutant accepts a hint that the page excludes; the signature holds.
 * - `refusal`: both refuse, the mutant later or at a greater cost.
 * - `completeness`: the mutant refuses an honest hint.
 */
export type Mutant = {
  /** Of section 5. */
  step: number
  check: string
  edits: Edit[]
  kind: 'forgery' | 'encoding' | 'refusal' | 'completeness'
  /** A parameter made small, or a rule taken away beside it, in the original too: why a forgery is cheap enough. */
  setting?: { why: string; edits: Edit[] }
  attack: () => Attack
  /** What the original ends with; 'refused' where that depends on whether its M, another one, happens to be prime. */
  original: string
  /** What the mutant ends with; absent: it accepts. */
  mutant?: string
}
