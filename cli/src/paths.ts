import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's root: its node_modules, models and enclave image are found from here, never from the cwd. */
export const REPOSITORY: string = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..')

/** Never in the shared temporary folder: what is read there is run. */
export const COMPILE_CACHE: string = join(REPOSITORY, 'node_modules', '.cache', 'nacre')

/** Where a development network keeps its state when --state does not say. */
export const DEFAULT_STATE = '.nacre'

/** Files of a development network's state folder. */
export type StatePaths = ReturnType<typeof statePaths>

export function statePaths(dir: string) {
  const root = resolve(dir)
  return {
    root,
    network: join(root, 'network.json'),
    processes: join(root, 'processes.json'),
    deployment: join(root, 'deployment.json'),
    policy: join(root, 'policy.json'),
    chain: join(root, 'chain'),
    postgres: join(root, 'postgres'),
    receipts: join(root, 'receipts'),
    answers: join(root, 'answers'),
    models: join(root, 'models'),
    pictures: join(root, 'pictures'),
    logs: join(root, 'logs'),
    operator: join(root, 'operator'),
    developmentRoot: join(root, 'simulated-root.der'),
  }
}

/** An executable that npm installed, wherever npm put it; undefined when it is not there. */
export function installedBinary(name: string): string | undefined {
  for (const dir of [
    join(REPOSITORY, 'node_modules', '.bin'),
    join(REPOSITORY, 'host', 'node_modules', '.bin'),
  ]) {
    if (existsSync(join(dir, name))) return join(dir, name)
  }
  return undefined
}
