import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Hex } from '@nacre/verify'
import type { LaunchOptions } from '../src/drivers/driver.ts'
import { createRoot, type SimulatedRoot } from '../src/nsm/root.ts'

const zeros = (size: number): Hex => `0x${'00'.repeat(size)}`
let root: SimulatedRoot | undefined

/** What a driver is asked for where it does not matter what is in the configuration. */
export function launchOptions(extra: Partial<LaunchOptions> = {}): LaunchOptions {
  root ??= createRoot()
  const limits = { maxInput: 65_536, maxOutput: 65_536 }
  const domain = { chainId: 1n, registry: zeros(20), operator: zeros(20), releaseId: zeros(32) }
  return { config: { version: 1, ...domain, ...limits }, root, ...extra }
}

/** A process that launches an enclave and can be killed without a chance to clean up. */
export type Launcher = {
  launched: Promise<unknown>
  kill(): Promise<void>
  /** Has it end by an error that nobody handles. */
  crash(): Promise<void>
}

export type LauncherOptions = {
  /** A file of host/src/drivers, and what in it makes the driver. */
  module: string
  create: string
  imageDir: string
  stateDir: string
}

export function startLauncher({ module, create, imageDir, stateDir }: LauncherOptions): Launcher {
  const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href)
  const script = `
    import { loadImage } from ${url('../src/drivers/image.ts')}
    import * as drivers from ${url(`../src/drivers/${module}`)}
    import { launchOptions } from ${JSON.stringify(import.meta.url)}
    const options = launchOptions({ stateDir: ${JSON.stringify(stateDir)} })
    const { pid } = await drivers.${create}.launch(await loadImage(${JSON.stringify(imageDir)}), options)
    console.log(pid)
    process.stdin.on('data', () => { throw new Error('a defect of the agent, as the test wants it') })`
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  const exited = once(child, 'exit')
  return {
    launched: once(createInterface(child.stdout), 'line'),
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
    async crash() {
      child.stdin.write('now')
      await exited
    },
  }
}
