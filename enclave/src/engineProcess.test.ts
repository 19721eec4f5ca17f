import { createHash } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  decodeTensor,
  encodeTensor,
  type Hex,
  STATUS,
  type Tensor,
  toHex,
  ZERO_ADDRESS,
  ZERO_HASH,
} from '@nacre/verify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ENDLESS, encodeModel, LINEAR } from '../test/onnxModel.ts'
import { createEngine } from './engine.ts'
import { createEngineProcess } from './engineProcess.ts'
import { execute } from './execute.ts'

const program = join(import.meta.dirname, 'main.ts')
const linear = modelOf(encodeModel(LINEAR))
const endless = modelOf(encodeModel(ENDLESS))
const floats = (dims: number[]): Tensor => ({
  dtype: 'float32',
  dims,
  data: new Float32Array(dims.reduce((product, dim) => product * dim, 1)).fill(1),
})
const four = encodeTensor(floats([1, 4]))

let dir: string
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nacre-'))
})
afterAll(() => rm(dir, { recursive: true, force: true }))

function modelOf(bytes: Uint8Array): { artifact: Hex; bytes: Uint8Array } {
  return { artifact: toHex(createHash('sha256').update(bytes).digest()), bytes }
}

test('a model that does not end is stopped, and the others answer again', async () => {
  const engine = createEngineProcess(program, () => [linear, endless], { load: 60_000, run: 3000 })
  await engine.load(linear.artifact, linear.bytes)
  await engine.load(endless.artifact, endless.bytes)
  const [stuck, behind] = await Promise.allSettled([
    engine.run(endless.artifact, encodeTensor(floats([1]))),
    engine.run(linear.artifact, four),
  ])
  expect(stuck).toMatchObject({ status: 'rejected', reason: { code: 'engine-stopped' } })
  expect(behind.status).toBe('fulfilled')
  expect([...decodeTensor(await engine.run(linear.artifact, four)).data]).toEqual([9, 11, 13])
})

test('a job on which the engine stops is answered as a failure of the engine, which pays nothing', async () => {
  const engine = createEngineProcess(program, () => [], { load: 60_000, run: 3000 })
  const model = { ...endless, ...(await engine.load(endless.artifact, endless.bytes)) }
  const usage = { units: 1n, price: 10n, errorPrice: 1n, token: ZERO_ADDRESS }
  const origin = { type: 'client' as const, nonce: ZERO_HASH }
  const anchor = { number: 1n, hash: ZERO_HASH }
  const input = encodeTensor(floats([1]))
  const job = { origin, artifact: endless.artifact, input, anchor, maxOutput: 64, usage }
  const run = { run: ({ artifact }: { artifact: Hex }, bytes: Uint8Array) => engine.run(artifact, bytes) }
  const config = {
    version: 1,
    chainId: 1n,
    registry: ZERO_ADDRESS,
    operator: ZERO_ADDRESS,
    releaseId: ZERO_HASH,
  }
  const limits = { maxInput: 64, maxOutput: 64 }
  const { status, output } = await execute(run, model, job, { ...config, ...limits, version: 1 })
  expect(status).toBe(STATUS.engineFailed)
  expect(new TextDecoder().decode(output)).toBe('engine-failed: the engine took longer than 3000 ms')
})

test('an engine that ends in the middle of a call fails that call alone', async () => {
  const mortal = join(dir, 'mortal.mjs')
  await writeFile(
    mortal,
    `process.on('message', ({ call }) => call === 'run' ? process.exit(7) : process.send({ types: {} }))`,
  )
  const engine = createEngineProcess(mortal, () => [])
  await engine.load(linear.artifact, linear.bytes)
  const run = engine.run(linear.artifact, four)
  await expect(run).rejects.toMatchObject({ code: 'engine-stopped', message: 'the engine ended (7)' })
  expect(await engine.load(linear.artifact, linear.bytes)).toEqual({})
})

test('a program that does not start is an error, not a wait', async () => {
  const engine = createEngineProcess(join(dir, 'nothing.mjs'), () => [])
  await expect(engine.load(linear.artifact, linear.bytes)).rejects.toMatchObject({ code: 'engine-stopped' })
})

test('artifacts are limited in number and in size together', async () => {
  const size = linear.bytes.length
  const few = createEngine({ maxArtifacts: 1, maxArtifactBytes: 2 * size }, program)
  const small = createEngine({ maxArtifacts: 9, maxArtifactBytes: size - 1 }, program)
  await expect(small.load(linear.artifact, linear.bytes)).rejects.toMatchObject({ code: 'artifact-limit' })
  const [first, again] = await Promise.all([
    few.load(linear.artifact, linear.bytes),
    few.load(linear.artifact, linear.bytes),
  ])
  expect(again).toBe(first)
  await expect(few.load(endless.artifact, endless.bytes)).rejects.toMatchObject({ code: 'artifact-limit' })
  await expect(few.load(endless.artifact, linear.bytes)).rejects.toMatchObject({ code: 'artifact-mismatch' })
})
