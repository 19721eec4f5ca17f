import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildImage } from '../../scripts/build.ts'
import { IMAGES } from '../../scripts/images.ts'
import { hasAvx512 } from '../../test/avx512.ts'
import { generation, type ModelFile, modelFolder, piecesOf } from '../../test/languageModel.ts'
import type { Generation, LanguageEngine } from '../inference/languageEngine.ts'
import { createLanguageEngine } from './engine.ts'

const program = join(import.meta.dirname, '../../test/llamaProgram.ts')
const limits = { sequences: 4, contextSize: 512, threads: 1, queue: 16 }

/** English of the model's own words, as long as it takes. */
const WORDS = 'the harbour lies in the north of the town and the ships that come from the sea lie there'
const promptOf = (words: number, first: number) =>
  Array.from({ length: words }, (_, i) => WORDS.split(' ')[(first + i * i) % 18]).join(' ')

/** One, a chunk's end, one more, several chunks; drawn and not; short answers that leave their place to the next. */
const REQUESTS: Generation[] = [
  generation('the', { maxTokens: 40 }),
  generation(promptOf(60, 1), { maxTokens: 30 }),
  generation(promptOf(61, 2), { maxTokens: 5 }),
  generation(promptOf(150, 3), { maxTokens: 25 }),
  generation(promptOf(20, 4), { maxTokens: 3 }),
  generation(promptOf(90, 5), { maxTokens: 33 }),
  generation('what is a ship ?', { maxTokens: 30, sampling: drawn(7) }),
  generation(promptOf(33, 6), { maxTokens: 17, sampling: drawn(8) }),
].map(request => ({ ...request, topLogprobs: 20 }))

function drawn(seed: number) {
  return { temperature: 0.9, topP: 0.95, frequencyPenalty: 0.3, presencePenalty: 0.2, seed }
}

let folder: Awaited<ReturnType<typeof modelFolder>>
let engine: LanguageEngine
beforeAll(async () => {
  folder = await modelFolder()
  engine = createLanguageEngine(limits, program)
})
afterAll(async () => {
  engine.close()
  await folder.remove()
})

describe.each([
  { architecture: 'llama', type: 'q8_0' },
  { architecture: 'llama', type: 'q4_0' },
  { architecture: 'gpt2', type: 'q8_0' },
  { architecture: 'gpt2', type: 'q4_0' },
  { architecture: 'llama', type: 'f16' },
  { architecture: 'llama', type: 'f32' },
] as const)('$architecture in $type', options => {
  let model: ModelFile
  beforeAll(async () => {
    model = await folder.tiny(options)
    await engine.load(model.artifact, model.file)
  })

  test('each output is bit for bit the one it has alone, whoever comes and goes beside it', async () => {
    const alone = []
    for (const request of REQUESTS) alone.push(await piecesOf(engine, model, request))
    const together = await Promise.all(REQUESTS.map(request => piecesOf(engine, model, request)))
    expect(together).toEqual(alone)
    // Later ones find neighbours in the middle of their answers, and other places.
    const staggered = REQUESTS.toReversed().map(async (request, i) => {
      if (i > 0) await piecesOf(engine, model, generation('a ship', { maxTokens: i * 3 }))
      return await piecesOf(engine, model, request)
    })
    expect((await Promise.all(staggered)).toReversed()).toEqual(alone)
  })
})

// A processor without it runs the other image.
if (hasAvx512())
  test.each(['q8_0', 'q4_0'] as const)('so it is by the image for AVX-512, in %s', async type => {
    const dir = join(folder.dir, `avx512-${type}`)
    await buildImage(dir, IMAGES['llama-avx512'])
    const wide = createLanguageEngine(limits, join(dir, 'app/enclave.mjs'))
    const model = await folder.tiny({ type })
    await wide.load(model.artifact, model.file)
    const alone = []
    for (const request of REQUESTS) alone.push(await piecesOf(wide, model, request))
    const together = await Promise.all(REQUESTS.map(request => piecesOf(wide, model, request)))
    wide.close()
    expect(together).toEqual(alone)
  })

test('neighbours that are dropped at any moment change nothing', async () => {
  const model = await folder.tiny({ type: 'q4_0' })
  await engine.load(model.artifact, model.file)
  const request = REQUESTS[5]!
  const alone = await piecesOf(engine, model, request)
  const dropped = Array.from({ length: 12 }, async (_, i) => {
    const controller = new AbortController()
    let pieces = 0
    const stream = engine.generate(model.artifact, REQUESTS[i % REQUESTS.length]!, controller.signal)
    for await (const _piece of stream) if (pieces++ === i) controller.abort(new Error('gone'))
  })
  const outcomes = await Promise.allSettled([piecesOf(engine, model, request), ...dropped])
  expect(outcomes[0]).toEqual({ status: 'fulfilled', value: alone })
  expect(outcomes.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(6)
})

test('another process, with two threads and other places, says the same', async () => {
  const model = await folder.tiny({ type: 'q4_0' })
  const other = createLanguageEngine({ ...limits, threads: 2, sequences: 3 }, program)
  await engine.load(model.artifact, model.file)
  await other.load(model.artifact, model.file)
  const request = { ...REQUESTS[1]!, maxTokens: 4 }
  expect(await piecesOf(other, model, request)).toEqual(await piecesOf(engine, model, request))
  other.close()
})
