import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fromHex, type Hex, splitSnpEvidence, userData, verifySnp, verifyTdx } from '@nacre/verify'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { writeRelease } from '../../../test/releaseFolder.ts'
import { amd, intel, REPORT_TIME } from '../../testing/confidentialQemu.ts'
import { launchOptions, startLauncher } from '../../testing/launches.ts'
import { installPrograms, type Programs } from '../../testing/programs.ts'
import { createEnclaveClient } from '../enclaveClient.ts'
import { isRunning } from '../processes/identity.ts'
import type { Driver, RunningEnclave } from './driver.ts'
import { type Image, loadImage } from './image.ts'
import { createSnpDriver, encryptionBit } from './snp.ts'
import { createTdxDriver } from './tdx.ts'

const NONCE: Hex = `0x${'5a'.repeat(32)}`

let dir: string
let root: string
let image: Image
let programs: Programs
let firmware: string

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'nacre-state-'))
  root = join(dir, 'root')
  firmware = join(dir, 'OVMF.fd')
  writeFileSync(firmware, 'firmware')
  writeRelease(join(dir, 'image'))
  image = await loadImage(join(dir, 'image'))
  programs = installPrograms()
  const qemu = fileURLToPath(new URL('../../testing/confidentialQemu.ts', import.meta.url))
  programs.add('qemu-system-x86_64', `exec ${process.execPath} ${qemu} ${dir} "$@"`)
})

afterEach(() => {
  for (const pid of started()) if (isRunning(pid)) process.kill(pid, 'SIGKILL')
  programs.remove()
  rmSync(dir, { recursive: true, force: true })
})

type Booted = { pid: number; args: string[]; booted: string[] }
const booted = (): Booted => JSON.parse(readFileSync(join(dir, 'booted.json'), 'utf8'))
const started = (): number[] => {
  const names = readdirSync(dir)
  return names.includes('pids') ? readFileSync(join(dir, 'pids'), 'utf8').trim().split('\n').map(Number) : []
}
const put = (path: string, text: string) => {
  mkdirSync(join(root, path, '..'), { recursive: true })
  writeFileSync(join(root, path), text)
}
const after = (args: string[], name: string) => args.flatMap((arg, i) => (arg === name ? [args[i + 1]] : []))

/** Evidence of a running enclave, and what its report has to be over. */
async function attest({ connect }: RunningEnclave) {
  const client = createEnclaveClient({ connect })
  const { identity } = await client.identity()
  const { kind, bytes } = await client.attest(NONCE)
  client.close()
  return { kind, bytes: fromHex(bytes), reportData: userData(identity).slice(2) + NONCE.slice(2) }
}

async function launch(driver: Driver): Promise<RunningEnclave> {
  const enclave = await driver.launch(image, launchOptions({ stateDir: dir }))
  expect(enclave).toMatchObject({ pid: booted().pid, sandboxed: true })
  return enclave
}

async function end(enclave: RunningEnclave): Promise<void> {
  await enclave.terminate()
  await enclave.exited
  expect([started().filter(isRunning), readdirSync(join(dir, 'enclaves'))]).toEqual([[], []])
}

test('TDX: kernel and ramdisks are booted in a trust domain, whose quote verifies', async () => {
  const enclave = await launch(createTdxDriver({ firmware, cpus: 2, memoryMb: 4096 }))
  const { kind, bytes, reportData } = await attest(enclave)
  const { files, pin } = intel.issue({ time: REPORT_TIME, tee: 'tdx', td: {} })
  const verdict = verifyTdx(bytes, files, REPORT_TIME, { version: 1, roots: [pin] })
  expect(verdict.checks.filter(({ ok }) => !ok)).toEqual([])
  expect({ kind, ...verdict }).toMatchObject({ kind: 'tdx', code: 'ok', reportData })
  const {
    args,
    booted: [kernel],
  } = booted()
  expect(after(args, '-machine')).toEqual(['q35,kernel-irqchip=split,confidential-guest-support=tdx0'])
  expect([after(args, '-accel'), after(args, '-cpu'), after(args, '-bios')]).toEqual([
    ['kvm'],
    ['host'],
    [firmware],
  ])
  expect([after(args, '-m'), after(args, '-smp')]).toEqual([['4096M'], ['2']])
  expect(after(args, '-object').map(text => JSON.parse(text!))).toEqual([
    {
      'qom-type': 'tdx-guest',
      id: 'tdx0',
      'quote-generation-socket': { type: 'vsock', cid: '2', port: '4050' },
    },
  ])
  expect(kernel).toBe('kernel')
  expect(after(args, '-append')).toEqual(['console=ttyS0'])
  await end(enclave)
})

test('TDX: the quote generation service on a Unix socket', async () => {
  put('var/run/tdx-qgs/qgs.socket', '')
  const enclave = await launch(createTdxDriver({ firmware, root }))
  const [object] = after(booted().args, '-object')
  expect(JSON.parse(object!)['quote-generation-socket']).toEqual({
    type: 'unix',
    path: join(root, 'var/run/tdx-qgs/qgs.socket'),
  })
  await end(enclave)
})

test('SEV-SNP: kernel and ramdisks are booted by their hashes, and the report verifies with the host’s certificates', async () => {
  const enclave = await launch(createSnpDriver({ firmware, root }))
  const { kind, bytes, reportData } = await attest(enclave)
  const { report, collateral } = splitSnpEvidence(bytes)
  const verdict = verifySnp(report, collateral, REPORT_TIME, { version: 1, roots: [amd.pin] })
  expect(verdict.checks.filter(({ ok }) => !ok)).toEqual([])
  expect({ kind, ...verdict }).toMatchObject({ kind: 'snp', code: 'ok', reportData })
  const { args } = booted()
  expect(after(args, '-machine')).toEqual(['q35,confidential-guest-support=sev0,memory-backend=ram1'])
  expect(after(args, '-object')).toEqual([
    'memory-backend-memfd,id=ram1,size=2048M,share=on',
    'sev-snp-guest,id=sev0,cbitpos=51,reduced-phys-bits=1,kernel-hashes=on',
  ])
  expect([after(args, '-m'), after(args, '-bios')]).toEqual([['2048M'], [firmware]])
  await end(enclave)
})

test('SEV-SNP: the bit of encryption is the processor’s where the kernel tells it', () => {
  expect(encryptionBit(root)).toEqual({ bit: 51, lost: 1 })
  put('dev/cpu/0/cpuid', '')
  expect(encryptionBit(root)).toEqual({ bit: 51, lost: 1 })
  // A file with a hole: what is at an offset is the leaf of that number.
  truncateSync(join(root, 'dev/cpu/0/cpuid'), 0x8000001f)
  const ebx = Buffer.alloc(16)
  ebx.writeUInt32LE(47 | (5 << 6) | (16 << 12), 4)
  writeFileSync(join(root, 'dev/cpu/0/cpuid'), ebx, { flag: 'a' })
  expect(encryptionBit(root)).toEqual({ bit: 47, lost: 5 })
})

test('what is measured is not known from the image, and it is said where it is', async () => {
  for (const driver of [createTdxDriver(), createSnpDriver()])
    await expect(driver.measure(image)).rejects.toMatchObject({
      code: 'not-measurable',
      fix: expect.stringContaining('nacre release measure --evidence'),
    })
})

test('a machine that does not start is an error with what QEMU says, and leaves nothing', async () => {
  const driver = createTdxDriver({ firmware })
  const failing = () => driver.launch(image, launchOptions({ stateDir: dir }))
  programs.add('qemu-system-x86_64', 'echo "qemu: TDX is not supported" >&2; exit 1')
  await expect(failing()).rejects.toMatchObject({
    code: 'launch-failed',
    message: expect.stringContaining('TDX is not supported'),
  })
  programs.delete('qemu-system-x86_64')
  programs.hideOthers()
  const absent = /qemu-system-x86_64(:| does not start).*(No such file|ENOENT)/
  await expect(failing()).rejects.toMatchObject({ message: expect.stringMatching(absent) })
  const unfirm = createTdxDriver({ firmware: join(dir, 'none.fd') }).launch(image, launchOptions())
  await expect(unfirm).rejects.toMatchObject({ message: expect.stringContaining('NACRE_TDX_FIRMWARE') })
  expect(readdirSync(join(dir, 'enclaves'))).toEqual([])
})

test('an agent that was killed leaves no machine', async () => {
  const create = `createSnpDriver({ firmware: ${JSON.stringify(firmware)} })`
  const launcher = startLauncher({ module: 'snp.ts', create, imageDir: image.dir, stateDir: dir })
  await launcher.launched
  const { pid } = booted()
  process.kill(pid, 'SIGSTOP')
  await launcher.kill()
  // The kernel ends it; where it cannot be told, the sweep does (records.test.ts).
  await expect.poll(() => isRunning(pid)).toBe(false)
  expect(await createSnpDriver().sweep({ stateDir: dir })).toEqual([expect.stringMatching(/^snp-/)])
})

test('an agent that ends by a defect takes its machine with it', async () => {
  const create = `createTdxDriver({ firmware: ${JSON.stringify(firmware)} })`
  const launcher = startLauncher({ module: 'tdx.ts', create, imageDir: image.dir, stateDir: dir })
  await launcher.launched
  const { pid } = booted()
  process.kill(pid, 'SIGSTOP')
  await launcher.crash()
  await expect.poll(() => isRunning(pid)).toBe(false)
  expect(await createTdxDriver().sweep({ stateDir: dir })).toHaveLength(1)
  expect(readdirSync(join(dir, 'enclaves'))).toEqual([])
})

describe('probe', () => {
  const intelMachine = () => {
    put('proc/cpuinfo', 'processor\t: 0\nvendor_id\t: GenuineIntel\n')
    put('sys/module/kvm_intel/parameters/tdx', 'Y\n')
    put('dev/kvm', '')
  }
  const amdMachine = () => {
    put('proc/cpuinfo', 'processor\t: 0\nvendor_id\t: AuthenticAMD\n')
    put('sys/module/kvm_amd/parameters/sev_snp', 'Y\n')
    put('dev/kvm', '')
    put('dev/sev', '')
  }

  test('machines that are ready', async () => {
    intelMachine()
    expect(await createTdxDriver({ root, firmware }).probe()).toEqual({
      ok: true,
      detail: `GenuineIntel, kvm_intel/parameters/tdx is on, /dev/kvm, QEMU 10.1, ${firmware}`,
    })
    amdMachine()
    expect(await createSnpDriver({ root, firmware }).probe()).toEqual({
      ok: true,
      detail: `AuthenticAMD, kvm_amd/parameters/sev_snp is on, /dev/kvm, /dev/sev, QEMU 10.1, ${firmware}`,
    })
  })

  test('everything that is missing is told, with what gets it', async () => {
    programs.add('qemu-system-x86_64', 'echo QEMU emulator version 7.2.22')
    amdMachine()
    expect(await createTdxDriver({ root }).probe()).toEqual({
      ok: false,
      detail:
        'the processor is of AuthenticAMD, not of GenuineIntel; /sys/module/kvm_intel/parameters/tdx is not there; QEMU 7.2, 10.1 or later is needed; no firmware for Intel TDX',
      fix: expect.stringMatching(/Xeon.*kvm_intel\.tdx=1.*QEMU 10\.1.*NACRE_TDX_FIRMWARE/),
    })
    rmSync(root, { recursive: true })
    put('sys/module/kvm_amd/parameters/sev_snp', 'N\n')
    const { detail } = await createSnpDriver({ root, firmware: '/none' }).probe()
    for (const part of [
      'of unknown',
      'sev_snp is N',
      'no /dev/kvm',
      'no /dev/sev',
      '9.1 or later',
      'no firmware /none',
    ])
      expect(detail).toContain(part)
  })

  test('versions of QEMU', async () => {
    amdMachine()
    const versions: [string, boolean][] = [
      ['9.0.4', false],
      ['9.1.0', true],
      ['9.10.0', true],
      ['11.0.0', true],
      ['7.2.22', false],
    ]
    for (const [version, ok] of versions) {
      programs.add('qemu-system-x86_64', `echo QEMU emulator version ${version}`)
      expect((await createSnpDriver({ root, firmware }).probe()).ok).toBe(ok)
    }
    programs.add('qemu-system-x86_64', 'echo something else')
    expect((await createSnpDriver({ root, firmware }).probe()).ok).toBe(false)
  })
})
