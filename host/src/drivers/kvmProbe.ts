import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { messageOf } from '@nacre/verify'
import { printable, readLines } from './console.ts'
import { KVM_GUEST } from './kvmGuest.ts'

const QEMU = 'qemu-system-x86_64'
const DEADLINE_MS = 5000
/** What the guest writes to isa-debug-exit comes out as twice it and one. */
const PASSED = 33
const REFUSED = 35
/** QEMU does not end on it: it pauses. */
const BROKEN = /^KVM internal error/

export type Accelerator = 'kvm' | 'tcg'

/** `reason` says why not, in words. */
export type GuestProbe = { ok: true } | { ok: false; reason: string }

let known: Promise<GuestProbe> | undefined

/** Whether KVM runs guests on this machine: tried once, and remembered as long as this process lives. */
export function probeKvm(): Promise<GuestProbe> {
  known ??= existsSync('/dev/kvm')
    ? tryGuest('kvm')
    : Promise.resolve({ ok: false, reason: 'there is no /dev/kvm' })
  return known
}

/**
 * Boots the guest of kvmGuest.S, which takes a tenth of a second. That KVM opens, or makes a machine, proves nothing:
 * there are some that stop at the first instruction which they do not know.
 */
export async function tryGuest(accelerator: Accelerator, deadlineMs = DEADLINE_MS): Promise<GuestProbe> {
  const folder = await mkdtemp(join(tmpdir(), 'nacre-kvm-'))
  try {
    const kernel = join(folder, 'kernel')
    await writeFile(kernel, KVM_GUEST)
    // A machine that KVM left paused outlives nobody for long, not even this process when it is killed.
    const command = ['--signal=KILL', `${1 + deadlineMs / 1000}`, QEMU]
    const child = spawn('timeout', [...command, ...argumentsOf(accelerator, kernel)], {
      ...{ stdio: ['ignore', 'ignore', 'pipe'], detached: true },
      env: { PATH: process.env.PATH },
    })
    return await follow(child, deadlineMs)
  } catch (error) {
    return { ok: false, reason: messageOf(error) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function argumentsOf(accelerator: Accelerator, kernel: string): string[] {
  return [
    ...[
      '-machine',
      'q35',
      '-accel',
      accelerator,
      '-cpu',
      accelerator === 'kvm' ? 'host' : 'max',
      '-m',
      '32M',
    ],
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-monitor', 'none'],
    ...['-device', 'isa-debug-exit,iobase=0xf4,iosize=4', '-kernel', kernel],
  ]
}

async function follow(child: ChildProcess, deadlineMs: number): Promise<GuestProbe> {
  const { promise, resolve, reject } = Promise.withResolvers<GuestProbe>()
  const no = (reason: string) => resolve({ ok: false, reason })
  let said = ''
  readLines(child.stderr!, line => {
    said ||= printable(line)
    if (BROKEN.test(line)) no(printable(line))
  })
  child.once('error', reject)
  // After its last line, so that the reason is known.
  child.once('close', (code, signal) => {
    if (code === PASSED) resolve({ ok: true })
    else if (code === REFUSED) no('an instruction gave a wrong result')
    else no(said || `QEMU ended with ${signal ?? code}`)
  })
  const timer = setTimeout(() => no(`the guest did not end within ${deadlineMs} ms`), deadlineMs)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    await end(child)
  }
}

/** With the QEMU that it started: it leads a group of its own. */
async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  process.kill(-child.pid, 'SIGKILL')
  await exited
}
