import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { messageOf } from '@nacre/verify'
import { toJson } from '@nacre/verify/bundle'
import type { EvidenceKind } from '@nacre/verify/evidence'
import type { SoftwareModule } from '../nsm/module.ts'
import { checkHealth } from './checkHealth.ts'
import { type Console, createConsole } from './console.ts'
import type { DriverName, Exit, LaunchOptions, RunningEnclave } from './driver.ts'
import { openLink } from './link.ts'
import { createRecords } from './records.ts'

/** A virtual machine that was started, and the host's end of the link to it. */
export type Machine = {
  link: Duplex
  /** Its process on this machine. */
  pid: number
  exited: Promise<Exit>
  /** Ends it at once: a guest has nothing to save. Does nothing when it has ended. */
  stop(): Promise<void>
}

/** What a launch gives to what boots its machine. */
export type Run = {
  name: string
  /** To be deleted at the end, with what is in it. */
  folder: string
  console: Console
  /** Milliseconds until the launch has failed. */
  left(): number
  /** Writes down what a sweep would have to end: processes, and by what the driver ends what is no process here. */
  record(what: { pids: number[]; handle?: string }): void
  /** Runs when the launch fails or the machine has ended; when it rejects, the record stays for the next sweep. */
  defer(close: () => Promise<unknown>): void
}

export type GuestLaunch = {
  driver: DriverName
  evidence: EvidenceKind
  /** For a guest that has none of its own. */
  securityModule?: SoftwareModule
  boot(run: Run): Promise<Machine>
  options: LaunchOptions
  deadlineMs: number
}

const ENGINE_LIMITS = { maxArtifacts: 64, maxArtifactBytes: 2 ** 30 }

/** Boots a guest, starts its program over the link, and waits until it answers. @throws DriverError */
export async function launchGuest(launch: GuestLaunch): Promise<RunningEnclave> {
  const { driver, options, securityModule, evidence } = launch
  const { onLog = () => {}, deadlineMs = launch.deadlineMs } = options
  const end = performance.now() + deadlineMs
  const left = () => Math.max(1, Math.ceil(end - performance.now()))
  const lines = createConsole(onLog)
  const { name, folder, ...run } = await openRun(driver, options.stateDir)
  const close = () => run.close().catch(error => lines.write(`${driver}: ${messageOf(error)}`))
  try {
    const machine = await launch.boot({ name, folder, console: lines, left, ...run })
    run.defer(() => machine.stop())
    const link = openLink(machine.link, {
      startOptions: startOptions(evidence, options),
      ...(securityModule && { securityModule }),
      onLine: lines.write,
    })
    run.defer(async () => link.close())
    void link.ended.then(close)
    const exited = machine.exited.finally(close)
    const how = exited.then(({ code, signal }) => `${signal ?? code ?? 'it is gone'}`)
    await lines.ready(how, deadlineMs, left())
    await checkHealth(link.connect, left())
    return {
      connect: link.connect,
      pid: machine.pid,
      sandboxed: true,
      console: lines.lines,
      exited,
      terminate: async () => void (await Promise.all([run.close(), exited])),
    }
  } catch (error) {
    await close()
    throw error
  }
}

type OpenRun = Pick<Run, 'name' | 'folder' | 'record' | 'defer'> & { close(): Promise<void> }

/** Folder and record of a launch, from before there is anything until all of it is gone. */
async function openRun(driver: DriverName, stateDir: string | undefined): Promise<OpenRun> {
  const name = `${driver}-${randomBytes(8).toString('hex')}`
  const folder = join(tmpdir(), `nacre-${name}`)
  const records = createRecords(driver, stateDir)
  let pids: number[] = []
  const record = (what: { pids: number[]; handle?: string }) => {
    pids = what.pids
    return records.add({ name, folder, ...what })
  }
  // The record stays: whether everything ends with this process, the next one looks.
  const atExit = () => {
    for (const pid of pids) kill(pid)
    rmSync(folder, { recursive: true, force: true })
  }
  process.once('exit', atExit)
  const closers: (() => unknown)[] = [
    () => process.off('exit', atExit),
    record({ pids: [] }),
    () => rm(folder, { recursive: true, force: true }),
  ]
  await mkdir(folder, { mode: 0o700 })
  let closing: Promise<void> | undefined
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer()
  }
  return {
    name,
    folder,
    record,
    defer: closer => closers.push(closer),
    close: () => (closing ??= close()),
  }
}

/** What enclave/src/config.ts reads; the guest adds where its sockets are. */
function startOptions(evidence: EvidenceKind, { config, engine = ENGINE_LIMITS }: LaunchOptions): unknown {
  return toJson({ version: 1, config, evidence, engine })
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}
