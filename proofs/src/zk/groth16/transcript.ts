/** What snarkjs says while it verifies a phase of a ceremony. */
import type { Check } from '@nacre/verify'
import type { Contributed } from './contributions.ts'
import type { SnarkjsLogger } from './snarkjs.ts'

export type Transcript = {
  /** Whether it holds, with the hashes added to the contributions. */
  check: (name: string, contributions: Contributed[]) => Check
}

/** Steps that are told at once; others take turns. */
const EVERY_MS = 2000

/** Runs one verification of snarkjs. An error of it is a check that failed: the file is not what it should be. */
export async function transcriptOf(
  progress: (text: string) => void,
  verify: (logger: SnarkjsLogger) => Promise<boolean>,
): Promise<Transcript> {
  const [told, errors]: [string[], string[]] = [[], []]
  let last = 0
  const debug = (text: string): void => {
    if (Date.now() - last < EVERY_MS) return
    last = Date.now()
    progress(text)
  }
  const logger = {
    debug,
    info: (text: string) => void told.push(text),
    warn: debug,
    error: (text: string) => void errors.push(text),
  }
  let ok = false
  try {
    ok = (await verify(logger)) === true
  } catch (error) {
    errors.push(error instanceof Error ? error.message : String(error))
  }
  return {
    check(name, contributions) {
      if (!ok)
        return { name, ok, detail: errors.at(-1) ?? 'a contribution does not follow from the one before' }
      const hashes = hashesOf(told)
      for (const [i, contribution] of contributions.entries()) {
        const hash = hashes.get(i + 1)
        if (hash) contribution.hash = hash
      }
      const isWhole = hashes.size === contributions.length && contributions.every(({ hash }) => hash)
      return {
        name,
        ok: isWhole,
        detail: isWhole
          ? 'every contribution follows from the one before'
          : 'snarkjs lists other contributions',
      }
    },
  }
}

/**
 * The hash of each contribution by its number. Names are the contributors' own words: in phase 2 they are before the
 * hash, whose four lines end the text; in phase 1 they end a text of their own, and the next response has the hash.
 */
function hashesOf(told: readonly string[]): Map<number, string> {
  const hashes = new Map<number, string>()
  let number = 0
  for (const text of told) {
    const [, phase1, phase2] = /^(?:Contribution #(\d+)|contribution #(\d+))/.exec(text) ?? []
    if (phase1 ?? phase2) number = Number(phase1 ?? phase2)
    if (phase2 === undefined && !text.startsWith('Response Hash:')) continue
    const digits = text.split('\n').slice(-4).join('').replace(/\s/g, '')
    if (/^[0-9a-f]{128}$/.test(digits) && !hashes.has(number)) hashes.set(number, digits)
  }
  return hashes
}
