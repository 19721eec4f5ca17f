import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fromHex, type Hex, userData, verifyDstack } from '@nacre/verify'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { buildImage } from '../../../enclave/scripts/build.ts'
import { type DstackAgent, startDstackAgent } from '../../../enclave/test/dstackAgent.ts'
import { writeRelease } from '../../../test/releaseFolder.ts'
import { launchOptions } from '../../testing/launches.ts'
import { createEnclaveClient } from '../enclaveClient.ts'
import { createDstackDriver } from './dstack.ts'
import { type Image, loadImage } from './image.ts'
import { simulatedDriver } from './simulated.ts'

const TIME = 1_790_000_000n
const NONCE: Hex = `0x${'5a'.repeat(32)}`

let image: Image
let agent: DstackAgent
let stateDir: string

beforeAll(async () => {
  image = await loadImage((await buildImage()).dir)
  agent = await startDstackAgent(TIME)
})
beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'nacre-state-'))
})
afterEach(() => {
  agent.broken = undefined
  rmSync(stateDir, { recursive: true, force: true })
})
afterAll(() => agent.close())

const driverHere = () => createDstackDriver({ socket: agent.socket })

/** The stand-in's socket is not where dstack's is: only a sandbox puts it where the program looks. */
test('an enclave in a sandbox has its evidence made by dstack, and it verifies', async () => {
  const launch = driverHere().launch(image, launchOptions({ stateDir }))
  if ((await simulatedDriver.probe()).fix !== undefined) {
    await expect(launch).rejects.toMatchObject({ message: expect.stringContaining('without it') })
    return
  }
  const enclave = await launch
  expect(enclave.sandboxed).toBe(true)
  const client = createEnclaveClient({ connect: enclave.connect })
  const { identity } = await client.identity()
  const { kind, bytes } = await client.attest(NONCE)
  client.close()
  const policy = { version: 1 as const, roots: [agent.pin] }
  const verdict = verifyDstack(fromHex(bytes), agent.files, TIME, policy)
  expect(verdict.checks.filter(({ ok }) => !ok)).toEqual([])
  const reportData = userData(identity).slice(2) + NONCE.slice(2)
  expect({ kind, ...verdict }).toMatchObject({ kind: 'dstack', code: 'ok', reportData })
  await enclave.terminate()
  expect(await enclave.exited).toEqual({ code: 0, signal: null })
  expect(readdirSync(join(stateDir, 'enclaves'))).toEqual([])
})

describe('what is refused', () => {
  const refused = (driver = driverHere(), extra = {}, of = image) =>
    expect(driver.launch(of, launchOptions({ stateDir, ...extra }))).rejects
  const message = (text: string) => ({ code: 'launch-failed', message: expect.stringContaining(text) })

  test('a socket elsewhere, without a sandbox', () =>
    refused(driverHere(), { sandbox: 'none' }).toMatchObject(message('/var/run/dstack.sock')))
  test('no socket', () =>
    refused(createDstackDriver({ socket: '/nowhere/dstack.sock' })).toMatchObject(message('no /nowhere')))
  test('an address of the network', () =>
    refused(createDstackDriver({ socket: 'http://localhost:8090' })).toMatchObject(message('no path')))
  test('an image that boots a machine', async () => {
    writeRelease(join(stateDir, 'image'))
    const release = await loadImage(join(stateDir, 'image'))
    await refused(driverHere(), {}, release).toMatchObject({ code: 'image-invalid' })
  })
  test('measuring', () =>
    expect(driverHere().measure(image)).rejects.toMatchObject({ code: 'not-measurable' }))
  afterEach(() => {
    const left = readdirSync(stateDir).includes('enclaves') ? readdirSync(join(stateDir, 'enclaves')) : []
    expect(left).toEqual([])
  })
})

describe('probe', () => {
  test('the guest agent answers', async () => {
    const detail = `dstack's guest agent answers for the app nacre (${'00'.repeat(20)})`
    expect(await driverHere().probe()).toEqual({ ok: true, detail })
    process.env.DSTACK_SIMULATOR_ENDPOINT = agent.socket
    try {
      expect(await createDstackDriver().probe()).toEqual({ ok: true, detail })
    } finally {
      delete process.env.DSTACK_SIMULATOR_ENDPOINT
    }
  })

  const answers =
    (text: string): RequestListener =>
    (_, response) =>
      response.end(text)
  const broken: [string, RequestListener, RegExp][] = [
    ['an error', (_, response) => response.writeHead(500).end(), /status 500/],
    ['no JSON', answers('hello'), /not JSON/],
    ['null', answers('null'), /no app_id/],
    ['another form', answers('{"app_id":7}'), /no app_id/],
    ['an endless answer', answers(`"${'x'.repeat(1_100_000)}"`), /more than 1048576/],
    ['nothing', () => {}, /nothing in 5000 ms/],
    ['half an answer', (_, response) => response.writeHead(200, { 'content-length': 9 }).end('{'), /answer/],
  ]
  test.each(broken)('it answers with %s', async (_, listener, reason) => {
    agent.broken = listener
    const { ok, detail, fix } = await driverHere().probe()
    expect({ ok, fix }).toEqual({ ok: false, fix: expect.stringContaining('guest-agent') })
    expect(detail).toMatch(reason)
  })

  test('there is none', async () => {
    const { ok, detail, fix } = await createDstackDriver({ socket: '/nowhere/dstack.sock' }).probe()
    expect({ ok, detail }).toEqual({ ok: false, detail: 'no /nowhere/dstack.sock' })
    expect(fix).toContain('dstack CVM')
  })
})
