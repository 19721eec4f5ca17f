import type { Duplex } from 'node:stream'
import { messageOf } from '@nacre/verify'
import { toJson } from '@nacre/verify/bundle'
import type { EvidenceKind } from '@nacre/verify/evidence'
import type { SoftwareModule } from '../nsm/module.ts'
import { checkHealth } from './checkHealth.ts'
import { type Console, createConsole } from './console.ts'
import {
  type DriverName,
  ENGINE_LIMITS,
  type Exit,
  type LaunchOptions,
  type RunningEnclave,
} from './driver.ts'
import { openLink } from './link.ts'
import { carryOut, openRun, type Run } from './run.ts'

/** A virtual machine that was started, and the host's end of the link to it. */
export type Machine = {
  link: Duplex
  /** Its process on this machine. */
  pid: number
  exited: Promise<Exit>
  /** Ends it at once: a guest has nothing to save. Does nothing when it has ended. */
  stop(): Promise<void>
}

/** What a machine is booted with; `left`: milliseconds until the launch has failed, `signal`: it is given up. */
export type Boot = Omit<Run, 'close'> & {
  console: Console
  left(): number
  signal?: AbortSignal | undefined
}

export type GuestLaunch = {
  driver: DriverName
  evidence: EvidenceKind
  /** For a guest that has none of its own. */
  securityModule?: SoftwareModule
  boot(run: Boot): Promise<Machine>
  options: LaunchOptions
  deadlineMs: number
}

/** Boots a guest, starts its program over the link, and waits until it answers. @throws DriverError */
export async function launchGuest(launch: GuestLaunch): Promise<RunningEnclave> {
  const { driver, options, securityModule, evidence } = launch
  const { onLog = () => {}, deadlineMs = launch.deadlineMs, signal } = options
  const end = performance.now() + deadlineMs
  const left = () => (signal?.aborted ? 1 : Math.max(1, Math.ceil(end - performance.now())))
  const lines = createConsole(onLog)
  const run = await openRun(driver, options.stateDir)
  const close = () => run.close().catch(error => lines.write(`${driver}: ${messageOf(error)}`))
  return carryOut(close, signal, async () => {
    const machine = await launch.boot({ ...run, console: lines, left, signal })
    run.defer(() => machine.stop())
    signal?.throwIfAborted()
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
  })
}

/** What enclave/src/config.ts reads; the guest adds where its sockets are. */
function startOptions(
  evidence: EvidenceKind,
  { config, engine = ENGINE_LIMITS, inference, upstream }: LaunchOptions,
): unknown {
  return toJson({
    version: 1,
    config,
    evidence,
    engine,
    ...(inference && { inference }),
    ...(upstream && { upstream }),
  })
}
