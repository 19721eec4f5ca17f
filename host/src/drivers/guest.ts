import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
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
  /** What is not to outlive the launch. */
  pids: number[]
  /** What the driver ends it by where that is no process. */
  handle?: string
  exited: Promise<Exit>
  /** Ends it at once: a guest has nothing to save. */
  stop(): Promise<void>
}

export type GuestLaunch = {
  driver: DriverName
  evidence: EvidenceKind
  /** For a guest that has none of its own. */
  securityModule?: SoftwareModule
  /** Boots it; what is to be deleted later goes into `folder`. */
  boot(run: { name: string; folder: string; console: Console }): Promise<Machine>
  options: LaunchOptions
  deadlineMs: number
}

const ENGINE_LIMITS = { maxArtifacts: 64, maxArtifactBytes: 2 ** 30 }

/** Boots a guest, starts its program over the link, and waits until it answers. @throws DriverError */
export async function launchGuest(launch: GuestLaunch): Promise<RunningEnclave> {
  const { driver, options, securityModule, evidence } = launch
  const { onLog = () => {}, deadlineMs = launch.deadlineMs } = options
  const name = `${driver}-${randomBytes(8).toString('hex')}`
  const folder = join(tmpdir(), `nacre-${name}`)
  const records = createRecords(driver, options.stateDir)
  const lines = createConsole(onLog)
  // Before there is anything, so that nothing is ever there without a record.
  const removeRecord = records.add({ name, pids: [], folder })
  const left: { pids: number[]; handle?: string } = { pids: [] }
  const removeAtExit = () => {
    // A guest ends with its link; one that does not is ended, for nobody would find it without its record.
    for (const pid of left.pids) killNow(pid)
    rmSync(folder, { recursive: true, force: true })
    if (left.handle === undefined) removeRecord()
  }
  process.once('exit', removeAtExit)
  const closers: (() => unknown)[] = [
    removeRecord,
    () => rm(folder, { recursive: true, force: true }),
    () => process.off('exit', removeAtExit),
  ]
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer()
  }
  try {
    await mkdir(folder, { mode: 0o700 })
    const machine = await launch.boot({ name, folder, console: lines })
    const { pid, pids, handle } = machine
    Object.assign(left, { pids, handle })
    closers.push(() => machine.stop())
    records.add({ name, pids, folder, ...(handle !== undefined && { handle }) })
    const link = openLink(machine.link, {
      startOptions: startOptions(evidence, options),
      ...(securityModule && { securityModule }),
      onLine: lines.write,
    })
    closers.push(() => link.close())
    void link.ended.then(() => machine.stop())
    const exited = machine.exited.finally(close)
    await lines.ready(
      exited.then(({ code, signal }) => `${signal ?? code}`),
      deadlineMs,
    )
    await checkHealth(link.connect, deadlineMs)
    return {
      connect: link.connect,
      pid,
      sandboxed: true,
      console: lines.lines,
      exited,
      terminate: async () => void (await Promise.all([close(), exited])),
    }
  } catch (error) {
    await close()
    throw error
  }
}

function killNow(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}

/** What enclave/src/config.ts reads; the guest adds where its sockets are. */
function startOptions(evidence: EvidenceKind, { config, engine = ENGINE_LIMITS }: LaunchOptions): unknown {
  return toJson({ version: 1, config, evidence, engine })
}
