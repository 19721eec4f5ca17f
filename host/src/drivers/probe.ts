import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Probe } from './driver.ts'

const TIMEOUT_MS = 10_000

/** One thing that a driver needs: there, in words, or missing, with what gets it. */
export type Need = () => Promise<Probe> | Probe

/** All of them: whoever gets a machine ready wants to know everything that is missing. */
export async function probeAll(needs: readonly Need[]): Promise<Probe> {
  const probes = await Promise.all(needs.map(need => need()))
  const missing = probes.filter(({ ok }) => !ok)
  if (missing.length === 0) return { ok: true, detail: probes.map(({ detail }) => detail).join(', ') }
  const fixes = new Set(missing.flatMap(({ fix }) => (fix === undefined ? [] : [fix])))
  return {
    ok: false,
    detail: missing.map(({ detail }) => detail).join('; '),
    ...(fixes.size > 0 && { fix: [...fixes].join('; ') }),
  }
}

/** What a program prints, or undefined where it is not installed. @throws Error when it does not run */
export async function outputOf(file: string, args: string[]): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)(file, args, { timeout: TIMEOUT_MS, killSignal: 'SIGKILL' })
    return stdout
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
