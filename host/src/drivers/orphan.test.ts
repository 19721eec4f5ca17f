import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { buildImage } from '../../../enclave/scripts/build.ts'
import { describeProcess, isAlive } from '../processes/identity.ts'
import { simulatedDriver } from './simulated.ts'

let stateDir: string

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'nacre-state-'))
})

afterEach(() => rm(stateDir, { recursive: true, force: true }))

/** A launcher of its own process, so that it can be killed without a chance to clean up. */
function launcher(imageDir: string, sandbox: 'auto' | 'none'): string {
  return `
    import { loadImage } from ${JSON.stringify(new URL('./image.ts', import.meta.url).href)}
    import { simulatedDriver } from ${JSON.stringify(new URL('./simulated.ts', import.meta.url).href)}
    import { createRoot } from ${JSON.stringify(new URL('../nsm/root.ts', import.meta.url).href)}
    const zero = size => '0x' + '00'.repeat(size)
    const config = { version: 1, chainId: 1n, registry: zero(20), operator: zero(20), releaseId: zero(32), maxInput: 1, maxOutput: 1 }
    const image = await loadImage(${JSON.stringify(imageDir)})
    const stateDir = ${JSON.stringify(stateDir)}
    const { pid } = await simulatedDriver.launch(image, { config, root: createRoot(), sandbox: '${sandbox}', stateDir })
    console.log(pid)`
}

type Left = { name: string; folder: string; enclave: string; end(): Promise<void> }

/** A launcher with an enclave that was recorded; `end` kills it and waits until it is gone. */
async function startLauncher(sandbox: 'auto' | 'none'): Promise<Left> {
  const { dir } = await buildImage()
  const args = ['--input-type=module-typescript', '-e', launcher(dir, sandbox)]
  const parent = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [pid] = (await once(createInterface(parent.stdout), 'line')) as [string]
  const [file] = readdirSync(join(stateDir, 'enclaves'))
  const { name, folder } = JSON.parse(readFileSync(join(stateDir, 'enclaves', file!), 'utf8'))
  const end = async () => {
    const exited = once(parent, 'exit')
    parent.kill('SIGKILL')
    await exited
  }
  return { name, folder, enclave: describeProcess(Number(pid)), end }
}

async function untilEnded(process: string): Promise<void> {
  while (isAlive(process)) await new Promise(resolve => setTimeout(resolve, 20))
}

test.each(['auto', 'none'] as const)(
  'no enclave outlives a launcher that was killed, and its files are swept (sandbox: %s)',
  async sandbox => {
    const { name, folder, enclave, end } = await startLauncher(sandbox)
    expect(await simulatedDriver.sweep({ stateDir })).toEqual([])
    expect(isAlive(enclave)).toBe(true)
    await end()
    await untilEnded(enclave)
    expect(existsSync(folder)).toBe(true)
    expect(await simulatedDriver.sweep({ stateDir })).toEqual([name])
    expect(existsSync(folder)).toBe(false)
    expect(await simulatedDriver.sweep({ stateDir })).toEqual([])
  },
)

test('an enclave that stands still when its launcher is killed is ended by the sweep', async () => {
  const { name, folder, enclave, end } = await startLauncher('none')
  process.kill(Number(enclave.split(' ')[0]), 'SIGSTOP')
  await end()
  expect(isAlive(enclave)).toBe(true)
  expect(await simulatedDriver.sweep({ stateDir })).toEqual([name])
  expect(isAlive(enclave)).toBe(false)
  expect(existsSync(folder)).toBe(false)
})
