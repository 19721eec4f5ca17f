import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import type { Eif } from '@nacre/verify'
import { type Console, printable, readLines } from './console.ts'
import { DriverError } from './errors.ts'
import type { Machine } from './guest.ts'

export const QEMU = 'qemu-system-x86_64'
const MEMORY_MB = 1024

export type QemuOptions = {
  /** Where kernel and ramdisk are written. */
  folder: string
  console: Console
  /** What differs by machine: accelerator, processor, protection of memory. */
  machine: string[]
  memoryMb?: number
  cpus?: number
}

/**
 * Boots an image in QEMU: its serial line is our pipe, its link a socket pair, so that no name in a file system leads to
 * it and both close with this process. It has no network, no disk and no other device, and QEMU itself may start nothing.
 */
export async function bootQemu(
  { kernel, cmdline, ramdisks }: Eif,
  { folder, console, machine, memoryMb = MEMORY_MB, cpus = 1 }: QemuOptions,
): Promise<Machine> {
  const files = { kernel: join(folder, 'kernel'), ramdisk: join(folder, 'ramdisk') }
  await writeFile(files.kernel, kernel)
  await writeFile(files.ramdisk, ramdisks)
  const child = spawn(
    QEMU,
    [
      ...machine,
      ...['-m', `${memoryMb}M`, '-smp', `${cpus}`],
      ...['-nodefaults', '-no-user-config', '-nographic', '-no-reboot', '-monitor', 'none'],
      ...['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
      ...['-kernel', files.kernel, '-initrd', files.ramdisk, '-append', cmdline],
      ...['-serial', 'stdio'],
      ...['-device', 'virtio-serial-pci', '-chardev', 'socket,id=link,fd=3'],
      ...['-device', 'virtserialport,chardev=link,name=nacre.link'],
    ],
    { stdio: ['ignore', 'pipe', 'pipe', 'pipe'], env: { PATH: process.env.PATH } },
  )
  // A pipe of node:child_process is a socket pair.
  const link = child.stdio[3] as Duplex
  link.on('error', () => link.destroy())
  readLines(child.stdout!, line => console.write(`console: ${printable(line)}`))
  readLines(child.stderr!, line => console.write(`qemu: ${printable(line)}`))
  const exited = once(child, 'exit').then(([code, signal]) => ({ code, signal }))
  await once(child, 'spawn').catch(cause => {
    throw new DriverError('launch-failed', `${QEMU} does not start: ${cause.message}`, cause)
  })
  const pid = child.pid ?? -1
  return {
    link,
    pid,
    pids: [pid],
    exited,
    stop: async () => {
      child.kill('SIGKILL')
      await exited
    },
  }
}
