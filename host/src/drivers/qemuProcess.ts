import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { type Eif, messageOf } from '@nacre/verify'
import { endedWithUs } from '../processes/supervise.ts'
import { readLines } from './console.ts'
import type { Exit } from './driver.ts'
import { DriverError } from './errors.ts'
import type { Boot, Machine } from './guest.ts'
import { LAUNCH_VARIABLE } from './records.ts'

export const QEMU = 'qemu-system-x86_64'
const MEMORY_MB = 1024

export type QemuOptions = {
  /** What differs by machine: accelerator, processor, protection of memory. */
  machine: string[]
  memoryMb?: number
  cpus?: number
}

/**
 * Boots an image in QEMU: its serial line is our pipe, its link a socket pair, so that no name in a file system leads to
 * it and both close with this process; QEMU ends with it too, where the kernel can be told. It has no network, no disk
 * and no other device, and QEMU itself may start nothing.
 */
export async function bootQemu(
  { kernel, cmdline, ramdisks }: Eif,
  { folder, console, record, defer }: Pick<Boot, 'folder' | 'console' | 'record' | 'defer'>,
  { machine, memoryMb = MEMORY_MB, cpus = 1 }: QemuOptions,
): Promise<Machine> {
  const files = { kernel: join(folder, 'kernel'), ramdisk: join(folder, 'ramdisk') }
  await writeFile(files.kernel, kernel)
  await writeFile(files.ramdisk, ramdisks)
  const [command, ...before] = endedWithUs(QEMU)
  const child = spawn(
    command,
    [
      ...before,
      ...machine,
      ...['-m', `${memoryMb}M`, '-smp', `${cpus}`],
      ...['-nodefaults', '-no-user-config', '-nographic', '-no-reboot', '-monitor', 'none'],
      ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
      ...['-kernel', files.kernel, '-initrd', files.ramdisk, '-append', cmdline],
      ...['-serial', 'stdio'],
      ...['-device', 'virtio-serial-pci', '-chardev', 'socket,id=link,fd=3'],
      ...['-device', 'virtserialport,chardev=link,name=nacre.link'],
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, [LAUNCH_VARIABLE]: folder },
    },
  )
  // A pipe of node:child_process is a socket pair.
  const link = child.stdio[3] as Duplex
  link.on('error', () => link.destroy())
  readLines(child.stdout!, line => console.write(`console: ${line}`))
  readLines(child.stderr!, line => console.write(`qemu: ${line}`))
  const ended = Promise.withResolvers<Exit>()
  child.once('exit', (code, signal) => ended.resolve({ code, signal }))
  await once(child, 'spawn').catch(cause => {
    throw new DriverError('launch-failed', `${QEMU} does not start: ${messageOf(cause)}`, cause)
  })
  const pid = child.pid ?? -1
  const stop = async () => {
    child.kill('SIGKILL')
    await ended.promise
  }
  // Before anything can fail: a state folder that is full keeps no record.
  defer(stop)
  record({ pids: [pid] })
  return { link, pid, exited: ended.promise, stop }
}
