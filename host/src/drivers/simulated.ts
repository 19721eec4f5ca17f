import { randomBytes } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Duplex } from 'node:stream'
import { simulatedMeasurement } from '@nacre/verify'
import { toJson } from '@nacre/verify/bundle'
import { serveNsm } from '../nsm/server.ts'
import { checkHealth } from './checkHealth.ts'
import type { Driver, LaunchOptions, Probe, RunningEnclave } from './driver.ts'
import { type EnclaveProcess, spawnPlain, spawnSandboxed } from './enclaveProcess.ts'
import type { Image } from './image.ts'
import { createRecords } from './records.ts'
import { INSIDE, probeSandbox } from './sandbox.ts'

/** Everything of one launch on the host's disk. Unix socket paths end at 107 bytes: it lies in the temporary folder. */
type RunFolder = { name: string; dir: string; sockets: string; configFile: string }

const DEADLINE_MS = 20_000
const ENGINE_LIMITS = { maxArtifacts: 64, maxArtifactBytes: 2 ** 30 }

const INSTALL = 'Install bubblewrap (apt install bubblewrap) and allow unprivileged user namespaces.'

/**
 * The development driver: the image's own Node as a process in a bubblewrap sandbox without network, or, where that
 * does not work, as a plain process; its security module is software in this process. It proves the protocol and
 * nothing against whoever runs the machine.
 */
export const simulatedDriver: Driver = {
  name: 'simulated',
  kind: 'simulated',
  assurance: 'simulated',
  probe,
  measure: async image => simulatedMeasurement(image.manifest),
  launch,
  sweep: ({ stateDir }) => createRecords('simulated', stateDir).sweep(),
}

/** A program of the system's: no image is there yet. */
const TRUE = ['/usr/bin/true', '/bin/true'].find(path => existsSync(path)) ?? '/bin/true'

async function probe(): Promise<Probe> {
  const run = nameRunFolder()
  await makeRunFolder(run)
  try {
    const mounts = { imageDir: dirname(TRUE), socketDir: run.sockets }
    const { ok, detail } = await probeSandbox(mounts, [`${INSIDE.image}/true`])
    return ok
      ? { ok, detail }
      : { ok: true, detail: `${detail}; enclaves run as plain processes`, fix: INSTALL }
  } finally {
    await rm(run.dir, { recursive: true, force: true })
  }
}

async function launch(image: Image, options: LaunchOptions): Promise<RunningEnclave> {
  const { onLog = () => {}, deadlineMs = DEADLINE_MS } = options
  const run = nameRunFolder()
  const records = createRecords('simulated', options.stateDir)
  // Before there is anything, so that nothing is ever there without a record.
  const removeRecord = records.add({ name: run.name, pids: [], folder: run.dir })
  const removeAtExit = () => {
    rmSync(run.dir, { recursive: true, force: true })
    removeRecord()
  }
  process.once('exit', removeAtExit)
  const closers: (() => unknown)[] = [
    () => process.off('exit', removeAtExit),
    removeRecord,
    () => rm(run.dir, { recursive: true, force: true }),
  ]
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer()
  }
  try {
    await makeRunFolder(run)
    const nsm = await serveNsm({
      socket: join(run.sockets, 'nsm.sock'),
      root: options.root,
      moduleId: run.name,
      pcrs: simulatedMeasurement(image.manifest).registers,
    })
    closers.push(() => nsm.close())
    const enclave = await start(image, run, options, onLog)
    closers.push(() => enclave.stop())
    records.add({ name: run.name, pids: enclave.pids, folder: run.dir })
    const exited = enclave.exited.finally(close)
    await enclave.ready(deadlineMs)
    const connectChannel = () => connectTo(join(run.sockets, 'enclave.sock'))
    await checkHealth(connectChannel, deadlineMs)
    const { pid, sandboxed, console } = enclave
    return {
      connect: connectChannel,
      pid,
      sandboxed,
      console,
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
    evidence: 'simulated',
    sockets: { channel: `${sockets}/enclave.sock`, securityModule: `${sockets}/nsm.sock` },
    engine,
  })
}

function nameRunFolder(): RunFolder {
  const id = randomBytes(8).toString('hex')
  const dir = join(tmpdir(), `nacre-${id}`)
  return {
    name: `simulated-${id}`,
    dir,
    sockets: join(dir, 'run'),
    configFile: join(dir, 'config.json'),
  }
}

/** Fails where the name exists already, whoever made it. */
async function makeRunFolder({ dir, sockets }: RunFolder): Promise<void> {
  await mkdir(dir, { mode: 0o700 })
  await mkdir(sockets, { mode: 0o700 })
}

function connectTo(socketPath: string): Promise<Duplex> {
  const { promise, resolve, reject } = Promise.withResolvers<Duplex>()
  const socket = connect(socketPath)
  socket.once('error', reject).once('connect', () => {
    socket.off('error', reject)
    resolve(socket)
  })
  return promise
}
