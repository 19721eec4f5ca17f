import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Probe } from './driver.ts'
import { type GuestProbe, probeKvm } from './kvmProbe.ts'
import { QEMU } from './qemuProcess.ts'

const PROBE_MS = 10_000

const KVM = ['-machine', 'q35', '-accel', 'kvm', '-cpu', 'host']
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
export async function machineOf(kvm: Promise<GuestProbe> = probeKvm()): Promise<string[]> {
  return (await kvm).ok ? KVM : TRANSLATED
}

export async function probeQemu(): Promise<Probe> {
  const version = await qemuVersion()
  if (!version.ok) return version
  const kvm = await probeKvm()
  const how = kvm.ok
    ? 'with KVM'
    : `without KVM: it translates, and boots in seconds (KVM does not run guests here: ${kvm.reason})`
  return { ok: true, detail: `${version.detail}, ${how}` }
}

/** QEMU's own first line. */
export async function qemuVersion(): Promise<Probe> {
  try {
    const { stdout } = await promisify(execFile)(QEMU, ['--version'], { timeout: PROBE_MS })
    return { ok: true, detail: stdout.split('\n')[0] ?? '' }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const detail = code === 'ENOENT' ? 'QEMU is not installed' : `QEMU does not run: ${message}`
    return { ok: false, detail, fix: 'apt-get install qemu-system-x86' }
  }
}
