import { readFileSync, writeFileSync } from 'node:fs'
import { verify } from '../../cli/src/commands/receipt.ts'

export type Check = { name: string; ok: boolean; detail: string }

/** `nacre receipt verify` without a new process: the names of the checks that failed. */
export async function failedChecks(file: string, options: Parameters<typeof verify>[1]): Promise<string[]> {
  let checks: Check[] = []
  const output = {
    json: true,
    color: false,
    line: () => {},
    result: (value: unknown) => {
      checks = (value as { checks: Check[] }).checks
    },
  }
  const code = await verify(file, options, output)
  const failed = checks.filter(check => !check.ok).map(check => check.name)
  if ((code === 0) !== (failed.length === 0 && checks.length > 0))
    throw new Error(`exit code ${code} with ${failed.length} failed checks`)
  return failed
}

// biome-ignore lint/suspicious/noExplicitAny: a receipt to damage in every way
export type Damaged = any

/** Writes a damaged copy of a receipt. */
export function damage(file: string, to: string, change: (bundle: Damaged) => void): void {
  const bundle = JSON.parse(readFileSync(file, 'utf8'))
  change(bundle)
  writeFileSync(to, JSON.stringify(bundle))
}

/** Changes the last digit. */
export function flip(value: string | number): string | number {
  if (typeof value === 'number') return value + 1
  if (/^\d+$/.test(value)) return String(BigInt(value) + 1n)
  return `${value.slice(0, -1)}${value.endsWith('0') ? '1' : '0'}`
}
