import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { installPrograms, type Programs } from '../../testing/programs.ts'
import { isRunning } from '../processes/identity.ts'
import { tryGuest } from './kvmProbe.ts'
import { machineOf, qemuVersion } from './qemuProbe.ts'

let dir: string
let programs: Programs

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'nacre-kvm-test-'))
  programs = installPrograms()
})

afterEach(() => {
  programs.remove()
  rmSync(dir, { recursive: true, force: true })
})

test('the guest’s own status, and no other, says that it runs', async () => {
  programs.add('qemu-system-x86_64', 'exit 33')
  expect(await tryGuest('kvm')).toEqual({ ok: true })
  const refusals: [string, string][] = [
    ['exit 0', 'QEMU ended with 0'],
    ['exit 35', 'an instruction gave a wrong result'],
    ['echo "failed to set MSR 0x10a" >&2; exit 1', 'failed to set MSR 0x10a'],
    ['kill -ABRT $$', 'QEMU ended with SIGABRT'],
  ]
  for (const [program, reason] of refusals) {
    programs.add('qemu-system-x86_64', program)
    expect(await tryGuest('kvm')).toEqual({ ok: false, reason })
  }
})

test('what KVM leaves paused is ended: at once when it says so, else at the deadline', async () => {
  const pid = `echo $$ > ${dir}/pid`
  const cases: [string, string][] = [
    [`${pid}; echo "KVM internal error. Suberror: 1" >&2; exec sleep 60`, 'KVM internal error. Suberror: 1'],
    [`${pid}; exec sleep 60`, 'the guest did not end within 1000 ms'],
  ]
  for (const [program, reason] of cases) {
    programs.add('qemu-system-x86_64', program)
    expect(await tryGuest('kvm', 1000)).toEqual({ ok: false, reason })
    const pid = Number(readFileSync(join(dir, 'pid'), 'utf8'))
    await expect.poll(() => isRunning(pid)).toBe(false)
  }
})

test('the guest passes in QEMU itself, without KVM; where there is no QEMU, that is the reason', async () => {
  const qemu = await qemuVersion()
  const probe = await tryGuest('tcg', 60_000)
  if (qemu.ok) expect(probe).toEqual({ ok: true })
  else expect(probe).toEqual({ ok: false, reason: expect.stringContaining('qemu-system-x86_64') })
})

test('machines are run by KVM where it runs guests, else translated', async () => {
  const no = { ok: false, reason: 'it stops at cmpxchg16b' } as const
  expect(await machineOf(Promise.resolve({ ok: true }))).toEqual(expect.arrayContaining(['kvm', 'host']))
  expect((await machineOf(Promise.resolve(no))).join(' ')).toContain('-accel tcg')
})
