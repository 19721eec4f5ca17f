import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Hex, manifestHash, releaseId } from '@nacre/verify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildImage } from '../../../enclave/scripts/build.ts'
import { encodeModel, LINEAR } from '../../../enclave/test/onnxModel.ts'
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

async function launch(...files: string[]) {
  const release = releaseId(OPERATOR, manifestHash(image.manifest))
  const config = {
    version: 1,
    chainId: 31_337n,
    registry: OPERATOR,
    operator: OPERATOR,
    releaseId: release,
  } as const
  return launchEnclave({
    driver: simulatedDriver,
    image,
    root,
    config: { ...config, maxInput: 4096, maxOutput: 1024 },
    artifacts: await readArtifacts(files),
    onLog: () => {},
  })
}

function write(name: string, bytes: Uint8Array): string {
  const file = join(dir, name)
  writeFileSync(file, bytes)
  return file
}
