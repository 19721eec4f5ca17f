import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { simulatedMeasurement } from '@nacre/verify'
import { toJson } from '@nacre/verify/bundle'
import { createEnclaveClient } from '../enclaveClient.ts'
import { serveNsm } from '../nsm/server.ts'
import type { Driver, LaunchOptions, Probe, RunningEnclave } from './driver.ts'
import { type EnclaveProcess, spawnPlain, spawnSandboxed } from './enclaveProcess.ts'
import { DriverError } from './errors.ts'
import type { Image } from './image.ts'
import { INSIDE, probeSandbox } from './sandbox.ts'

/** Everything of one launch on the host's disk. Unix socket paths end at 107 bytes: it lies in the temporary folder. */
type RunFolder = { dir: string; sockets: string; configFile: string }

const DEADLINE_MS = 20_000
const ENGINE_LIMITS = { maxArtifacts: 64, maxArtifactBytes: 2 ** 30 }

const INSTALL = 'Install bubblewrap (apt install bubblewrap) and allow unprivileged user namespaces.'

/**
 * The development driver: the image's own Node as a process in a bubblewrap sandbox without network, or, where that
 * does not work, as a plain process; its security module is software in this process. It proves the protocol and
 * nothing against whoever runs the machine.
 */
export const simulatedDriver: Driver = {
  kind: 'simulated',
  assurance: 'simulated',
  probe,
  measure: async image => simulatedMeasurement(image.manifest),
  launch,
}

async function probe(image: Image): Promise<Probe> {
  const run = await makeRunFolder()
  try {
    const { ok, detail } = await probeSandbox({ imageDir: image.dir, socketDir: run.sockets })
    return ok
      ? { ok, detail }
      : { ok: true, detail: `${detail}; enclaves run as plain processes`, fix: INSTALL }
  } finally {
    await rm(run.dir, { recursive: true, force: true })
  }
}

async function launch(image: Image, options: LaunchOptions): Promise<RunningEnclave> {
  const { onLog = () => {}, deadlineMs = DEADLINE_MS } = options
  const run = await makeRunFolder()
  const removeAtExit = () => rmSync(run.dir, { recursive: true, force: true })
  process.once('exit', removeAtExit)
  const closers: (() => unknown)[] = [
    () => process.off('exit', removeAtExit),
    () => rm(run.dir, { recursive: true, force: true }),
  ]
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer()
  }
  try {
    const nsm = await serveNsm({
      socket: join(run.sockets, 'nsm.sock'),
      root: options.root,
      ...moduleOf(image),
    })
    closers.push(() => nsm.close())
    const enclave = await start(image, run, options, onLog)
    closers.push(() => enclave.stop())
    const exited = enclave.exited.finally(close)
    await enclave.ready(deadlineMs)
    const socketPath = join(run.sockets, 'enclave.sock')
    await checkHealth(socketPath, deadlineMs)
    const { pid, sandboxed } = enclave
    return {
      socketPath,
      pid,
      sandboxed,
      exited,
      terminate: async () => void (await Promise.all([close(), exited])),
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function start(
  image: Image,
  run: RunFolder,
  options: LaunchOptions,
  onLog: (line: string) => void,
): Promise<EnclaveProcess> {
  const mounts = { imageDir: image.dir, socketDir: run.sockets, configFile: run.configFile }
  await writeFile(run.configFile, '{}')
  const sandbox =
    options.sandbox === 'none' ? { ok: false, detail: 'no sandbox asked for' } : await probeSandbox(mounts)
  const sockets = sandbox.ok ? INSIDE.sockets : run.sockets
  await writeFile(run.configFile, JSON.stringify(startOptions(sockets, options)), { mode: 0o644 })
  if (sandbox.ok) return await spawnSandboxed(mounts, onLog)
  onLog(
    `WARNING: ${sandbox.detail}. The simulated enclave runs WITHOUT A SANDBOX: it can reach network and files. ${INSTALL}`,
  )
  return spawnPlain(mounts, onLog)
}

/** What enclave/src/config.ts reads. */
function startOptions(sockets: string, { config, engine = ENGINE_LIMITS }: LaunchOptions): unknown {
  return toJson({
    version: 1,
    config,
    sockets: { channel: `${sockets}/enclave.sock`, securityModule: `${sockets}/nsm.sock` },
    engine,
  })
}

function moduleOf(image: Image): { moduleId: string; pcrs: Uint8Array[] } {
  const moduleId = `simulated-${randomBytes(8).toString('hex')}`
  return { moduleId, pcrs: simulatedMeasurement(image.manifest).registers }
}

async function makeRunFolder(): Promise<RunFolder> {
  const dir = await mkdtemp(join(tmpdir(), 'nacre-'))
  const sockets = join(dir, 'run')
  await mkdir(sockets, { mode: 0o700 })
  return { dir, sockets, configFile: join(dir, 'config.json') }
}

async function checkHealth(socketPath: string, timeoutMs: number): Promise<void> {
  const client = createEnclaveClient({ socketPath, timeoutMs })
  try {
    await client.health()
  } catch (cause) {
    throw new DriverError(
      'launch-failed',
      `the enclave says it is ready, and does not answer: ${cause}`,
      cause,
    )
  } finally {
    client.close()
  }
}
