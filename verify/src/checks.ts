import { messageOf } from './errors.ts'

/** One thing that was verified: a stable kebab-case name, whether it holds, and what was found. */
export type Check = { name: string; ok: boolean; detail: string }

/** What a check established, for the checks that build on it. */
export type Fact<T> = { check: string; ok: true; value: T } | { check: string; ok: false }

type Values<Needs extends readonly Fact<unknown>[]> = {
  [I in keyof Needs]: Needs[I] extends Fact<infer T> ? T : never
}

/** Runs checks in order and keeps every outcome. */
export type Checklist = {
  checks: Check[]
  /** Runs a check on the facts that it needs; it fails by throwing, and without running when a need failed. */
  check<T, const Needs extends readonly Fact<unknown>[]>(
    name: string,
    needs: Needs,
    run: (...values: Values<Needs>) => { detail: string; value: T },
  ): Fact<T>
}

export function createChecklist(): Checklist {
  const checks: Check[] = []
  return {
    checks,
    check(name, needs, run) {
      try {
        const { detail, value } = run(...valuesOf(needs))
        checks.push({ name, ok: true, detail })
        return { check: name, ok: true, value }
      } catch (error) {
        checks.push({ name, ok: false, detail: messageOf(error) })
        return { check: name, ok: false }
      }
    },
  }
}

/** A fact that rests on several: the first that failed, or a value made of all. */
export function combine<T, const Needs extends readonly Fact<unknown>[]>(
  needs: Needs,
  make: (...values: Values<Needs>) => T,
): Fact<T> {
  const missing = needs.find(need => !need.ok)
  if (missing) return { check: missing.check, ok: false }
  return { check: needs.map(need => need.check).join(' and '), ok: true, value: make(...valuesOf(needs)) }
}

function valuesOf<Needs extends readonly Fact<unknown>[]>(needs: Needs): Values<Needs> {
  return needs.map(need => {
    ensure(need.ok, `not established, because ${need.check} failed`)
    return need.value
  }) as Values<Needs>
}

export function passed(detail: string): { detail: string; value: undefined }
export function passed<T>(detail: string, value: T): { detail: string; value: T }
export function passed<T>(detail: string, value?: T): { detail: string; value: T | undefined } {
  return { detail, value }
}

/** Fails the running check unless the condition holds. */
export function ensure(condition: boolean, reason: string): asserts condition {
  if (!condition) throw new Error(reason)
}

/** Fails the running check unless two values are equal. */
export function ensureEqual(what: string, actual: unknown, expected: unknown): void {
  ensure(actual === expected, `${what} is ${String(actual)}, expected ${String(expected)}`)
}
