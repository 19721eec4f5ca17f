import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fromHex, type Hex, toHex, userData, verifyNitro } from '@nacre/verify'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { writeRelease } from '../../../test/releaseFolder.ts'
import { launchOptions, startLauncher } from '../../testing/launches.ts'
import { AUTHORITY } from '../../testing/nitro/authority.ts'
import { type Behaviour, createNitroMachine, type NitroMachine } from '../../testing/nitro/machine.ts'
import { createEnclaveClient } from '../enclaveClient.ts'
import { type Image, loadImage } from './image.ts'
import { createNitroDriver, memoryOf } from './nitro.ts'

/** Of launches that time out, milliseconds. On a slow machine the first passes before the enclave has come so far. */
const DEADLINES = [6_000, 24_000, 96_000]
const NONCE: Hex = `0x${'5a'.repeat(32)}`
const driver = createNitroDriver({ pollMs: 300 })

let dir: string
let image: Image
let machine: NitroMachine

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'nacre-state-'))
  writeRelease(join(dir, 'image'))
  image = await loadImage(join(dir, 'image'))
  machine = createNitroMachine()
})

afterEach(() => {
  machine.remove()
  rmSync(dir, { recursive: true, force: true })
})

const records = () => readdirSync(join(dir, 'enclaves'))
const launch = (extra = {}) => driver.launch(image, launchOptions({ stateDir: dir, ...extra }))

test('an enclave is booted from the image file, and its evidence is of what was booted', async () => {
  const enclave = await launch()
  const [running] = machine.running()
  const { name, pid } = running!
  expect(running).toMatchObject({ memoryMb: 1024, cpus: 2, name: expect.stringMatching(/^nacre-nitro-/) })
  expect(enclave).toMatchObject({ pid, sandboxed: true })
  const eif = join(image.dir, 'nacre-mock.eif')
  const run = `run-enclave --eif-path ${eif} --memory 1024 --cpu-count 2 --enclave-name ${name}`
  expect(machine.calls()).toContain(run)
  const client = createEnclaveClient({ connect: enclave.connect })
  const { identity } = await client.identity()
  const { kind, bytes } = await client.attest(NONCE)
  client.close()
  const time = BigInt(Math.floor(Date.now() / 1000))
  const verdict = verifyNitro(fromHex(bytes), [], time, {
    version: 1,
    roots: [AUTHORITY.pin],
    nonce: NONCE.slice(2),
  })
  expect(verdict.checks.filter(({ ok }) => !ok)).toEqual([])
  const { registers } = await driver.measure(image)
  const measurements = Object.fromEntries(registers.map((pcr, i) => [`pcr${i}`, toHex(pcr).slice(2)]))
  const found = { code: 'ok', reportData: userData(identity).slice(2), measurements }
  expect({ kind, ...verdict }).toMatchObject({ kind: 'nitro', ...found })
  // AWS's root is what counts unless a policy names another.
  expect(verifyNitro(fromHex(bytes), [], time).ok).toBe(false)
  await enclave.terminate()
  await enclave.exited
  expect([machine.running(), records()]).toEqual([[], []])
})

test('a guest that does not switch itself off when its link ends is ended', async () => {
  machine.behave({ run: 'stays' })
  const enclave = await launch()
  const [{ id } = { id: '' }] = machine.running()
  await enclave.terminate()
  expect(machine.calls()).toContain(`terminate-enclave --enclave-id ${id}`)
  expect([machine.running(), records()]).toEqual([[], []])
})

test('an enclave that ends by itself is noticed, and nothing of it stays', async () => {
  const enclave = await launch()
  process.kill(machine.running()[0]!.pid, 'SIGKILL')
  await enclave.exited
  await enclave.terminate()
  await expect(enclave.connect()).rejects.toMatchObject({ code: 'guest-unreachable' })
  expect(records()).toEqual([])
})

describe('what goes wrong ends everything that was started', () => {
  const cases: [Behaviour['run'] & string, string, RegExp][] = [
    ['fails', 'launch-failed', /exit 29: \[ E27 \] Insufficient CPUs/],
    ['hangs', 'launch-timeout', /run-enclave: it does not answer/],
    ['garbage', 'launch-failed', /its output is not JSON/],
    ['long', 'launch-failed', /its output is longer than 1048576 bytes/],
    ['another-form', 'launch-failed', /EnclaveName must be a text/],
    ['starts-then-garbage', 'launch-failed', /its output is not JSON/],
    ['starts-then-hangs', 'launch-timeout', /run-enclave: it does not answer/],
    ['deaf', 'launch-timeout', /no connection to CID 16: .*Connection reset by peer/],
    ['silent', 'launch-timeout', /is not ready after \d+ ms: .*enclave: starting/],
  ]
  test.each(cases)(
    'an enclave that %s',
    async (run, code, message) => {
      machine.behave({ run })
      let told = ''
      for (const deadlineMs of code === 'launch-timeout' ? DEADLINES : [60_000]) {
        const error = await launch({ deadlineMs }).then(
          () => new Error('it was launched'),
          failure => failure,
        )
        expect(error).toMatchObject({ code })
        expect([machine.running(), records()]).toEqual([[], []])
        told = error.message
        if (message.test(told)) break
      }
      expect(told).toMatch(message)
    },
    400_000,
  )

  test.each(['starts-then-hangs', 'deaf', 'silent'] as const)(
    'a launch that is given up while an enclave %s',
    async run => {
      machine.behave({ run })
      const giveUp = new AbortController()
      const outcome = expect(launch({ signal: giveUp.signal })).rejects.toThrow()
      await expect.poll(() => machine.running(), { timeout: 30_000 }).toHaveLength(1)
      giveUp.abort()
      await outcome
      expect([machine.running(), records()]).toEqual([[], []])
    },
  )

  test('without nitro-cli, or without socat', async () => {
    machine.programs.delete('socat')
    machine.programs.hideOthers()
    await expect(launch()).rejects.toMatchObject({ message: expect.stringContaining('socat does not start') })
    expect(machine.running()).toEqual([])
    machine.programs.delete('nitro-cli')
    await expect(launch()).rejects.toMatchObject({ message: expect.stringContaining('is not installed') })
  })

  test('an image that runs as a process', async () => {
    const old = { ...image, manifest: { ...image.manifest, version: 1 as const } }
    const started = driver.launch(old as Image, launchOptions())
    await expect(started).rejects.toMatchObject({ code: 'image-invalid' })
  })

  test('an enclave that is not ended is told, and swept later', async () => {
    const lines: string[] = []
    const enclave = await launch({ onLog: (line: string) => lines.push(line) })
    machine.behave({ describe: 'fails' })
    await expect(enclave.terminate()).rejects.toMatchObject({ code: 'sweep-failed' })
    await enclave.exited
    expect(records()).toHaveLength(1)
    // Its agent is gone for a sweep only when this process is: see below.
    machine.behave({})
  })
})

describe('an agent that was killed', () => {
  const launcher = () =>
    startLauncher({
      module: 'nitro.ts',
      create: 'createNitroDriver()',
      imageDir: image.dir,
      stateDir: dir,
    })

  test('leaves no enclave: its link ends, and what is left is swept', async () => {
    const { launched, kill } = launcher()
    await launched
    expect(await driver.sweep({ stateDir: dir })).toEqual([])
    expect(machine.running()).toHaveLength(1)
    await kill()
    await expect.poll(() => machine.running()).toEqual([])
    expect(await driver.sweep({ stateDir: dir })).toEqual([expect.stringMatching(/^nitro-/)])
    expect(await driver.sweep({ stateDir: dir })).toEqual([])
  })

  test('or ended by a defect, leaves none either, also of guests that stay', async () => {
    machine.behave({ run: 'stays' })
    const { launched, crash } = launcher()
    await launched
    await crash()
    expect(machine.running()).toHaveLength(1)
    expect(await driver.sweep({ stateDir: dir })).toHaveLength(1)
    expect([machine.running(), records()]).toEqual([[], []])
  })

  test('while the enclave started', async () => {
    machine.behave({ run: 'starts-then-hangs' })
    const { kill } = launcher()
    await expect.poll(() => machine.running(), { timeout: 30_000 }).toHaveLength(1)
    await kill()
    machine.behave({ terminate: 'fails' })
    const sweep = driver.sweep({ stateDir: dir })
    await expect(sweep).rejects.toMatchObject({
      code: 'sweep-failed',
      message: expect.stringContaining('[ E36 ]'),
    })
    machine.behave({})
    expect(await driver.sweep({ stateDir: dir })).toHaveLength(1)
    expect([machine.running(), records()]).toEqual([[], []])
  })
})

test('memory is what nitro-cli asks for, four times the image', () => {
  expect([1, 2 ** 20, 193_103_874].map(memoryOf)).toEqual([1, 4, 737])
})

describe('probe', () => {
  const put = (path: string, text: string) => {
    mkdirSync(join(dir, 'root', path, '..'), { recursive: true })
    writeFileSync(join(dir, 'root', path), text)
  }
  const onRoot = () => createNitroDriver({ root: join(dir, 'root') }).probe()
  const ready = () => {
    put('dev/nitro_enclaves', '')
    put('sys/module/nitro_enclaves/parameters/ne_cpus', '1,3\n')
    put('sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages', '512\n')
    put('sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages', '1\n')
  }

  test('an instance that is ready', async () => {
    ready()
    expect(await onRoot()).toEqual({
      ok: true,
      detail:
        '/dev/nitro_enclaves, Nitro CLI 1.4.2, 0 enclaves running, 2048 MiB and CPUs 1,3 set aside, socat with vsock',
    })
  })

  test('everything that is missing is told, with what gets it', async () => {
    for (const name of ['nitro-cli', 'socat']) machine.programs.delete(name)
    machine.programs.hideOthers()
    const { ok, detail, fix } = await onRoot()
    expect(ok).toBe(false)
    expect(detail).toBe(
      'no /dev/nitro_enclaves; nitro-cli is not installed; no memory and no CPUs set aside for enclaves; socat is not installed',
    )
    for (const part of ['Enabled=true', 'aws-nitro-enclaves-cli', 'nitro-enclaves-allocator', 'socat'])
      expect(fix).toContain(part)
  })

  test('no access, and a socat without vsock', async () => {
    ready()
    machine.behave({ describe: 'fails' })
    machine.programs.add('socat', 'echo "  #undef WITH_VSOCK"')
    const { ok, detail, fix } = await onRoot()
    expect({ ok, detail }).toMatchObject({ ok: false, detail: expect.stringContaining('[ E19 ]') })
    expect(detail).toContain('socat knows no vsock')
    expect(fix).toContain('usermod -aG ne')
  })
})
