import { mkdir, writeFile } from 'node:fs/promises'
import { connect as connectSocket } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { messageOf } from '@nacre/verify'
import { toJson } from '@nacre/verify/bundle'
import type { EvidenceKind } from '@nacre/verify/evidence'
import { checkHealth } from './checkHealth.ts'
import {
  type DriverName,
  ENGINE_LIMITS,
  type EnclaveService,
  type LaunchOptions,
  type RunningEnclave,
} from './driver.ts'
import { type EnclaveProcess, spawnPlain, spawnSandboxed } from './enclaveProcess.ts'
import { DriverError } from './errors.ts'
import type { Image } from './image.ts'
import { carryOut, openRun, type Run } from './run.ts'
import { INSIDE, type Mounts, probeSandbox } from './sandbox.ts'

export const INSTALL_SANDBOX =
  'Install bubblewrap (apt install bubblewrap) and allow unprivileged user namespaces.'

/** What makes the process's evidence, apart from the process. */
export type ProcessLaunch = {
  driver: DriverName
  evidence: EvidenceKind
  /** Serves its security module on this Unix socket, where it has one. */
  serveModule?: (socket: string, name: string) => Promise<{ close(): Promise<void> }>
  /** Files of the host by the paths that they have inside. */
  shared?: Record<string, string>
}

const DEADLINE_MS = 20_000
/** In the one folder that is shared with the process: the program puts the others beside its channel. */
const SOCKETS: Record<EnclaveService, string> = {
  channel: 'enclave.sock',
  api: 'api.sock',
  tls: 'tls.sock',
}

/**
 * Launches an image as a process: its own Node in a bubblewrap sandbox without network, or, where that does not work, as
 * a plain process. @throws DriverError
 */
export async function launchProcess(
  image: Image,
  options: LaunchOptions,
  launch: ProcessLaunch,
): Promise<RunningEnclave> {
  const { onLog = () => {}, deadlineMs = DEADLINE_MS } = options
  if (image.manifest.version !== 1)
    throw new DriverError('image-invalid', `image ${image.dir} boots a machine, it runs as no process`)
  const run = await openRun(launch.driver, options.stateDir)
  const close = () => run.close().catch(error => onLog(`${launch.driver}: ${messageOf(error)}`))
  return carryOut(close, options.signal, async () => {
    const sockets = join(run.folder, 'run')
    await mkdir(sockets, { mode: 0o700 })
    const module = await launch.serveModule?.(join(sockets, 'nsm.sock'), run.name)
    if (module) run.defer(() => module.close())
    const enclave = await start(image, run, options, launch, onLog)
    run.defer(() => enclave.stop())
    options.signal?.throwIfAborted()
    run.record({ pids: enclave.pids })
    const exited = enclave.exited.finally(close)
    await enclave.ready(deadlineMs)
    const connect = (service: EnclaveService = 'channel') => connectTo(join(sockets, SOCKETS[service]))
    await checkHealth(connect, deadlineMs)
    const { pid, sandboxed, console } = enclave
    return {
      connect,
      pid,
      sandboxed,
      console,
      exited,
      terminate: async () => void (await Promise.all([run.close(), exited])),
    }
  })
}

async function start(
  image: Image,
  { folder }: Run,
  options: LaunchOptions,
  launch: ProcessLaunch,
  onLog: (line: string) => void,
): Promise<EnclaveProcess> {
  const socketDir = join(folder, 'run')
  const configFile = join(folder, 'config.json')
  const mounts: Mounts = {
    imageDir: image.dir,
    socketDir,
    configFile,
    shared: { ...launch.shared, ...upstreamSocket(options) },
  }
  await writeFile(configFile, '{}')
  const sandbox =
    options.sandbox === 'none' ? { ok: false, detail: 'no sandbox asked for' } : await probeSandbox(mounts)
  const sockets = sandbox.ok ? INSIDE.sockets : socketDir
  await writeFile(configFile, JSON.stringify(startOptions(sockets, options, launch)), { mode: 0o644 })
  if (sandbox.ok) {
    requireNoNetwork(options)
    return await spawnSandboxed(mounts, onLog)
  }
  requireInPlace(launch, sandbox.detail)
  const { onWarning = onLog } = options
  onWarning(
    `WARNING: ${sandbox.detail}. The ${launch.driver} enclave runs WITHOUT A SANDBOX: it can reach network and files. ${INSTALL_SANDBOX}`,
  )
  return spawnPlain(mounts, onLog)
}

const UNIX = 'unix:'

/** An engine's socket is inside where it is outside: its address is in the configuration. */
function upstreamSocket({ upstream }: LaunchOptions): Record<string, string> {
  const path = upstream?.address.startsWith(UNIX) ? upstream.address.slice(UNIX.length) : undefined
  return path === undefined ? {} : { [path]: path }
}

function requireNoNetwork({ upstream }: LaunchOptions): void {
  if (!upstream || upstream.address.startsWith(UNIX)) return
  throw new DriverError(
    'launch-failed',
    `the sandbox has no network, and the engine is at ${upstream.address}: have it listen on a Unix socket (vllm serve --uds FILE, or socat UNIX-LISTEN:FILE,fork TCP:127.0.0.1:PORT)`,
  )
}

/** Without a sandbox a file is where it is. */
function requireInPlace({ shared = {} }: ProcessLaunch, detail: string): void {
  for (const [inside, file] of Object.entries(shared)) {
    if (inside === file) continue
    throw new DriverError('launch-failed', `${detail}: without it ${file} cannot be ${inside} to the enclave`)
  }
}

/** What enclave/src/config.ts reads. */
function startOptions(
  sockets: string,
  { config, engine = ENGINE_LIMITS, inference, upstream }: LaunchOptions,
  { evidence, serveModule }: ProcessLaunch,
): unknown {
  const securityModule = serveModule && { securityModule: `${sockets}/nsm.sock` }
  return toJson({
    version: 1,
    config,
    evidence,
    sockets: { channel: `${sockets}/${SOCKETS.channel}`, ...securityModule },
    engine,
    ...(inference && { inference }),
    ...(upstream && { upstream }),
  })
}

function connectTo(socketPath: string): Promise<Duplex> {
  const { promise, resolve, reject } = Promise.withResolvers<Duplex>()
  const socket = connectSocket(socketPath)
  socket.once('error', reject).once('connect', () => {
    socket.off('error', reject)
    resolve(socket)
  })
  return promise
}
