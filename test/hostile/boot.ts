import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { createConsole, readLines } from '@nacre/host/drivers/console'
import { readEif } from '@nacre/host/drivers/eifFile'
import type { Image } from '@nacre/host/drivers/image'
import { machineOf } from '@nacre/host/drivers/qemuProbe'
import { bootQemu } from '@nacre/host/drivers/qemuProcess'
import { simulatedMeasurement } from '@nacre/verify'

/** Something with a link that nobody has spoken on yet. */
export type Machine = {
  link: Duplex
  /** What it says elsewhere. */
  said: string[]
  /** Its processes on this machine. */
  pids: number[]
  /** What its evidence is to measure. */
  pcrs: Uint8Array[]
  exited: Promise<unknown>
  stop(): Promise<void>
}
export type BootMachine = () => Promise<Machine>

/** The guest's bridge and the image's program as processes: no machine, and the same code on both sides of the link. */
export async function bootProcesses(image: Image): Promise<Machine> {
  const folder = mkdtempSync(join(tmpdir(), 'nacre-hostile-'))
  const args = [join(import.meta.dirname, 'guestProcess.ts'), folder, image.dir]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe', 'pipe'] })
  const link = child.stdio[3] as Duplex
  link.on('error', () => link.destroy())
  const [said, pids] = [[] as string[], [child.pid!]]
  readLines(child.stderr!, line => {
    const pid = /^pid (\d+)$/.exec(line)?.[1]
    if (pid) pids.push(Number(pid))
    else said.push(line)
  })
  const exited = once(child, 'exit').then(() => rmSync(folder, { recursive: true, force: true }))
  const stop = async () => {
    link.destroy()
    await exited
  }
  return { link, said, pids, pcrs: simulatedMeasurement(image.manifest).registers, exited, stop }
}

/** A virtual machine. */
export async function bootMachine(image: Image): Promise<Machine> {
  const { eif, pcrs } = await readEif(image)
  const folder = mkdtempSync(join(tmpdir(), 'nacre-hostile-'))
  mkdirSync(folder, { recursive: true })
  const said: string[] = []
  const run = { folder, console: createConsole(line => said.push(line)), record: () => {}, defer: () => {} }
  const { link, pid, exited, stop } = await bootQemu(eif, run, { machine: await machineOf() })
  const gone = exited.finally(() => rmSync(folder, { recursive: true, force: true }))
  return { link, said, pids: [pid], pcrs, exited: gone, stop }
}
