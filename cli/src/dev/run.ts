import { CliError } from '../errors.ts'
import type { Output } from '../output.ts'
import type { StatePaths } from '../paths.ts'
import type { DevTee } from './image.ts'
import type { Lifetime } from './lifetime.ts'
import type { Progress } from './progress.ts'

export type DevOptions = {
  once?: boolean
  reset?: boolean
  port?: number
  state: string
  operators: number
  /** Rounds; true when only the flag was given. */
  chaos?: number | true
  seed?: number
  tee?: DevTee
  /** Files of verifying keys. */
  zk?: string[]
}

export type Host = Awaited<ReturnType<typeof loadHost>>

/** What the steps of one `nacre dev` share. */
export type Run = {
  options: DevOptions
  paths: StatePaths
  host: Host
  lifetime: Lifetime
  progress: Progress
  output: Output
}

/** What starts and stops processes; the rest of the host is not loaded. Its type is inferred: naming it would import
 * the host. */
export async function loadHost() {
  try {
    const [{ lockState }, { startPostgres }, { spawnChild, waitReady }] = await Promise.all([
      import('@nacre/host/processes/lock'),
      import('@nacre/host/processes/postgres'),
      import('@nacre/host/processes/supervise'),
    ])
    return { lockState, startPostgres, spawnChild, waitReady }
  } catch (error) {
    throw new CliError('missing-part', {
      what: 'the host part of nacre does not load',
      why: error instanceof Error ? error.message : String(error),
      fix: 'run npm ci in the repository, without --omit=optional',
    })
  }
}
