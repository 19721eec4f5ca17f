import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { randomInput, randomOf } from '../graph/randomGraph.ts'
import { irisNetwork, leNet } from '../graph/samples.ts'
import { Engine } from './engine.ts'
import { prove, registerWeights } from './prove.ts'
import type { Thread } from './threads.ts'

const SCRIPT = new URL('../../../../cli/src/commands/zk/proverThread.ts', import.meta.url)

let thread: Worker
beforeAll(() => {
  thread = new Worker(SCRIPT)
})
afterAll(() => thread.terminate())

/** One that is sent its sessions, and never comes. */
const absent: Thread = { postMessage: () => {} }

const cases = [
  { name: 'lenet-5', sample: leNet(), batch: 1 },
  { name: 'iris 4-16-3', sample: irisNetwork(), batch: 500 },
]

test.each(cases)(
  '$name: with threads the commitment and the proof are the same bytes',
  async ({ sample, batch }) => {
    const { graph, weights } = sample
    const input = randomInput(randomOf(1), graph, batch)
    const alone = await registerWeights(graph, weights)
    for (const threads of [[thread], [absent], [thread, absent]]) {
      const model = await registerWeights(graph, weights, { threads })
      expect(model.id).toEqual(alone.id)
      for (const mode of [0, 1] as const)
        expect(await prove(model, input, batch, { mode })).toEqual(await prove(alone, input, batch, { mode }))
    }
  },
)

test('a thread takes part as soon as it is there', async () => {
  const { graph, weights } = leNet()
  const model = await registerWeights(graph, weights, { threads: [thread] })
  const input = randomInput(randomOf(1), graph, 1)
  for (let chunks = 0; chunks === 0; ) {
    const told = once(thread, 'message')
    await prove(model, input, 1)
    chunks = (await told)[0]
  }
})

test('what is too small is not shared', async () => {
  const sessions: unknown[] = []
  const engine = await Engine.load([{ postMessage: session => sessions.push(session) }])
  const at = engine.vector(2 ** 14)
  engine.together(() => engine.kernels.sumHalves(at, at, 2 ** 8))
  expect(sessions).toEqual([])
  engine.kernels.foldExt(at, at, 2 ** 14, at)
  expect(sessions).toEqual([])
  engine.together(() => engine.kernels.foldExt(at, at, 2 ** 14, at))
  expect(sessions).toHaveLength(1)
})

test('a page that is not isolated proves alone', async () => {
  vi.stubGlobal('crossOriginIsolated', false)
  const { graph, weights } = leNet()
  const model = await registerWeights(graph, weights, { threads: [absent] })
  expect(model.engine.bytes.buffer).toBeInstanceOf(ArrayBuffer)
  vi.unstubAllGlobals()
})

test('a thread that fails is an error', async () => {
  // Its hashes are made where no memory is.
  const broken: Thread = {
    postMessage: session => thread.postMessage({ ...(session as object), scratch: 2 ** 31 - 2 ** 16 }),
  }
  const { graph, weights } = leNet()
  const register = () => registerWeights(graph, weights, { threads: [broken] })
  let failed: unknown
  while (!failed) await register().catch(error => (failed = error))
  expect(failed).toMatchObject({ message: 'a thread of the prover failed' })
  await expect(registerWeights(graph, weights, { threads: [thread] })).resolves.toHaveProperty('id')
})
