import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Probe } from './driver.ts'
import { QEMU } from './qemuProcess.ts'

const PROBE_MS = 10_000

/**
 * Without KVM, QEMU translates. Of its processors this one has what the engine needs and nothing that QEMU 7.2 gets
 * wrong: a kernel that uses cmpxchg16b panics in it now and then. q35 has the timers by which a kernel finds its clock.
 */
const TRANSLATED = [
  '-machine',
  'q35',
  '-accel',
  'tcg,thread=single',
  '-cpu',
  'Westmere,+rdrand,-cx16,-spec-ctrl',
]

/** How a guest's machine is run here. */
export async function machineOf(): Promise<string[]> {
  return TRANSLATED
}

export async function probeQemu(): Promise<Probe> {
  try {
    const { stdout } = await promisify(execFile)(QEMU, ['--version'], { timeout: PROBE_MS })
    return { ok: true, detail: `${stdout.split('\n')[0]}, without KVM: it translates, and boots in seconds` }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const detail = code === 'ENOENT' ? 'QEMU is not installed' : `QEMU does not run: ${message}`
    return { ok: false, detail, fix: 'apt-get install qemu-system-x86' }
  }
}
