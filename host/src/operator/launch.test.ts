import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { configHash, type EnclaveConfig, type Hex, manifestHash, releaseId, ZERO_HASH } from '@nacre/verify'
import { toJson } from '@nacre/verify/bundle'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildImage } from '../../../enclave/scripts/build.ts'
import { encodeModel, LINEAR } from '../../../enclave/test/onnxModel.ts'
import type { Driver, RunningEnclave } from '../drivers/driver.ts'
import { type Image, loadImage } from '../drivers/image.ts'
import { simulatedDriver } from '../drivers/simulated.ts'
import { createRoot } from '../nsm/root.ts'
import { launchEnclave, readArtifacts } from './launch.ts'

const dir = mkdtempSync(join(tmpdir(), 'nacre-launch-'))
const OPERATOR: Hex = `0x${'aa'.repeat(20)}`
const root = createRoot()
let image: Image

beforeAll(async () => {
  image = await loadImage((await buildImage()).dir)
})

afterAll(() => rmSync(dir, { recursive: true, force: true }))

test('an artifact that the enclave refuses is named by its file, with the enclave’s reason', async () => {
  const [good, junk] = [write('good.onnx', encodeModel(LINEAR)), write('junk.onnx', Buffer.from('junk'))]
  await expect(launch(good, junk)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining(junk),
    why: expect.stringContaining('unsupported-model'),
    fix: expect.stringContaining('ONNX'),
  })
  const enclave = await launch(good)
  await enclave.terminate()
  expect(enclave.artifacts).toMatchObject([{ input: { dtype: 'float32', dims: [-1, 4] } }])
})

test('an enclave that says it is configured for somebody else is not registered at our cost', async () => {
  const given = configOf()
  const other: EnclaveConfig = { ...given, operator: `0x${'bb'.repeat(20)}` }
  const [own, others] = [configHash(given), configHash(other)]
  for (const [bound, told, refused] of [
    [own, given, false],
    [others, other, true],
    [own, other, true],
    [others, given, true],
  ] as const) {
    const keys = {
      version: 1,
      receiptKey: OPERATOR,
      tlsKeyHash: ZERO_HASH,
      hpkeKey: ZERO_HASH,
      configHash: bound,
    }
    const { driver, ended } = await liar(toJson({ identity: keys, config: told, engine: 'none' }))
    const launched = launchEnclave({ driver, image, root, config: given, artifacts: [], onLog: () => {} })
    if (refused) await expect(launched).rejects.toMatchObject({ code: 'ENCLAVE_UNAVAILABLE' })
    else await (await launched).terminate()
    await ended
  }
})

/** Starts an enclave that answers whatever it is asked with this. */
async function liar(answer: unknown): Promise<{ driver: Driver; ended: Promise<void> }> {
  const server = createServer((_, response) => response.end(JSON.stringify(answer))).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const ended = Promise.withResolvers<void>()
  const running: RunningEnclave = {
    connect: async () => connect(port, '127.0.0.1'),
    ...{ pid: process.pid, sandboxed: false, console: () => [], exited: new Promise(() => {}) },
    terminate: async () => {
      server.close(() => ended.resolve())
      server.closeAllConnections()
    },
  }
  return { driver: { ...simulatedDriver, launch: async () => running }, ended: ended.promise }
}

function configOf(): EnclaveConfig {
  const domain = { chainId: 31_337n, registry: OPERATOR, operator: OPERATOR }
  const release = releaseId(OPERATOR, manifestHash(image.manifest))
  return { version: 1, ...domain, releaseId: release, maxInput: 4096, maxOutput: 1024 }
}

async function launch(...files: string[]) {
  return launchEnclave({
    driver: simulatedDriver,
    image,
    root,
    config: configOf(),
    artifacts: await readArtifacts(files),
    onLog: () => {},
  })
}

function write(name: string, bytes: Uint8Array): string {
  const file = join(dir, name)
  writeFileSync(file, bytes)
  return file
}
