/** The record of what was verified: every check that was made, the last one being the first that failed. */
import type { Check } from '@nacre/verify/checks'

export type Checks = {
  readonly made: readonly Check[]
  /** Records a check, and ends the verification where it does not hold. @throws Refusal */
  ensure(name: string, holds: boolean, detail: string): void
}

/** The proof is refused: what follows would rest on a claim that does not hold. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
}

export function createChecks(): Checks {
  const made: Check[] = []
  return {
    made,
    ensure(name, ok, detail) {
      made.push({ name, ok, detail })
      if (!ok) throw new Refusal(name)
    },
  }
}
