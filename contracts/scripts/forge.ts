/** Runs the repository's own forge in `contracts/`. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

export const CONTRACTS: string = join(import.meta.dirname, '..')

const FORGE = join(CONTRACTS, '../node_modules/.bin/forge')

/** Everything forge says goes to standard error, so that a script's own result is alone on standard output. */
export function forge(args: string[], env: Record<string, string> = {}): void {
  const { status, error } = spawnSync(FORGE, args, {
    cwd: CONTRACTS,
    env: { ...process.env, ...env },
    stdio: ['ignore', 2, 2],
  })
  if (error) throw new Error(`forge does not start (${error.message}). Run npm ci.`)
  if (status !== 0) throw new Error(`forge ${args[0]} failed: see its messages above.`)
}
