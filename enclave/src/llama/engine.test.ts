import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { endOf, generation, type ModelFile, modelFolder, piecesOf, textOf } from '../../test/languageModel.ts'
import type { Generation, LanguageEngine, Logprob, ModelFacts, Piece } from '../inference/languageEngine.ts'
import { validate } from '../inference/schema.ts'
import { createLanguageEngine } from './engine.ts'

const program = join(import.meta.dirname, '../../test/llamaProgram.ts')
const never = new AbortController().signal

let folder: Awaited<ReturnType<typeof modelFolder>>
let engine: LanguageEngine
let model: ModelFile
let facts: ModelFacts
beforeAll(async () => {
  folder = await modelFolder()
  engine = createLanguageEngine({ sequences: 2, contextSize: 256, threads: 1, queue: 1 }, program)
  model = await folder.tiny()
  facts = await engine.load(model.artifact, model.file)
})
afterAll(async () => {
  engine.close()
  await folder.remove()
})

const run = (request: Generation) => piecesOf(engine, model, request)
const tokensIn = (pieces: Piece[]) => pieces.filter(piece => piece.type === 'token')
const warm = (seed: number, given = {}) => ({
  temperature: 1,
  topP: 1,
  frequencyPenalty: 0,
  presencePenalty: 0,
  seed,
  ...given,
})

test('a model tells what it can', async () => {
  expect(facts).toMatchObject({ contextLength: 256, chat: true, dimensions: 64 })
  const plain = await folder.tiny({ contextLength: 128, chatTemplate: null, seed: 2 })
  expect(await engine.load(plain.artifact, plain.file)).toMatchObject({ contextLength: 128, chat: false })
  expect(await engine.load(plain.artifact, plain.file)).toMatchObject({ contextLength: 128 })
})

test('a generation starts, tells each token, and ends', async () => {
  const pieces = await run(generation('the harbour lies'))
  expect(pieces[0]).toEqual({ type: 'start', promptTokens: expect.any(Number) })
  expect(tokensIn(pieces)).toHaveLength(16)
  expect(endOf(pieces)).toMatchObject({ reason: 'length', completionTokens: 16 })
  expect(tokensIn(pieces).every(piece => !('logprob' in piece))).toBe(true)
})

test('a prompt in tokens is the same prompt, and its tokens must be the model’s', async () => {
  const begin = tokensIn(await run(generation('<|endoftext|>x'))).map(piece => piece.id!)
  const tokens = tokensIn(await run(generation('x'))).map(piece => piece.id!)
  const [started] = await run(generation('', { prompt: { tokens } }))
  expect(started).toMatchObject({ promptTokens: tokens.length })
  // The token that begins a text is put before it, once.
  expect(tokens).toEqual(begin)
  for (const wrong of [[-1], [1.5], [100_000], [2 ** 32], []])
    await expect(run(generation('', { prompt: { tokens: wrong } }))).rejects.toMatchObject({
      code: 'invalid-prompt',
    })
})

test('a chat is rendered by the model’s template', async () => {
  const messages = [
    { role: 'system' as const, content: 'Be brief.' },
    { role: 'user' as const, content: 'who are you ?' },
  ]
  const rendered =
    '<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nwho are you ?<|im_end|>\n<|im_start|>assistant\n'
  expect(await run(generation('', { prompt: { messages } }))).toEqual(await run(generation(rendered)))
  const plain = await folder.tiny({ chatTemplate: null, seed: 2 })
  await engine.load(plain.artifact, plain.file)
  await expect(piecesOf(engine, plain, generation('', { prompt: { messages } }))).rejects.toMatchObject({
    code: 'unsupported-model',
  })
})

describe('sampling', () => {
  const text = async (sampling: Generation['sampling']) =>
    textOf(await run(generation('the ships', { sampling, maxTokens: 24 })))

  test('the same seed says the same, another something else', async () => {
    const [first, again, other] = [await text(warm(7)), await text(warm(7)), await text(warm(8))]
    expect(again).toBe(first)
    expect(other).not.toBe(first)
    expect(await text(warm(2 ** 32 - 1))).not.toBe(first)
  })

  test('a top_p of nothing leaves the likeliest token', async () => {
    expect(await text(warm(7, { topP: 0 }))).toBe(await text(warm(7, { temperature: 0 })))
  })

  test('penalties keep tokens from coming again', async () => {
    const counts = async (given: object) => {
      const sampling = warm(1, { temperature: 0, ...given })
      const pieces = tokensIn(await run(generation('the ships', { sampling, maxTokens: 60 })))
      return new Set(pieces.map(piece => piece.id!)).size
    }
    const plain = await counts({})
    expect(await counts({ frequencyPenalty: 2, presencePenalty: 2 })).toBeGreaterThan(plain)
    expect(await counts({ frequencyPenalty: -2 })).toBeLessThanOrEqual(plain)
  })
})

test('probabilities are the model’s own: they add up, fall, and hold the token that was drawn', async () => {
  const pieces = tokensIn(
    await run(generation('the ships', { topLogprobs: 20, sampling: warm(3, { topP: 0.5 }) })),
  )
  for (const { id, logprob, top } of pieces) {
    const values = top!.map(one => one.logprob)
    expect(values).toEqual(values.toSorted((a, b) => b - a))
    expect(values).toHaveLength(20)
    const total = values.reduce((sum, value) => sum + Math.exp(value), 0)
    expect(total).toBeLessThanOrEqual(1 + 1e-5)
    expect(total).toBeGreaterThan(0.2)
    const same = top!.find(one => Buffer.from(one.bytes).equals(Buffer.from(logprob!.bytes)))
    expect(same?.logprob ?? logprob!.logprob).toBe(logprob!.logprob)
    expect(id).toBeGreaterThanOrEqual(0)
  }
  const [{ logprob, top } = {}] = tokensIn(await run(generation('the ships', { topLogprobs: 0 })))
  expect(logprob).toEqual<Logprob>({
    token: expect.any(String),
    bytes: expect.any(Array),
    logprob: expect.any(Number),
  })
  expect(top).toEqual([])
})

test('the output ends before a stop sequence, which may lie across tokens', async () => {
  const whole = textOf(await run(generation('the ships', { maxTokens: 40 })))
  const stop = whole.slice(9, 14)
  const pieces = await run(generation('the ships', { maxTokens: 40, stop: ['nothing of this', stop] }))
  expect(textOf(pieces)).toBe(whole.slice(0, whole.indexOf(stop)))
  expect(endOf(pieces).reason).toBe('stop')
})

describe('a context of 256 tokens', () => {
  const tokens = (length: number) => ({ prompt: { tokens: Array(length).fill(70) } })

  test('is filled to the last token', async () => {
    const pieces = await run(generation('', { ...tokens(250), maxTokens: 100 }))
    expect(endOf(pieces)).toMatchObject({ reason: 'length', completionTokens: 6 })
  })

  test.each([256, 257, 100_000])('takes no prompt of %i', async length => {
    await expect(run(generation('', tokens(length)))).rejects.toMatchObject({
      code: 'context-length-exceeded',
    })
  })

  test('takes no text that is longer than any such context, without splitting it', async () => {
    await expect(run(generation('a'.repeat(5_000_000)))).rejects.toMatchObject({
      code: 'context-length-exceeded',
    })
  })
})

describe('output in JSON', () => {
  const schema = {
    type: 'object',
    properties: {
      name: { type: 'string', maxLength: 8 },
      tags: { type: 'array', items: { enum: ['a', 'b'] }, minItems: 1, maxItems: 3 },
      note: { type: ['integer', 'null'] },
    },
    required: ['name', 'tags', 'note'],
    additionalProperties: false,
  }

  test.each([1, 2, 3, 4, 5, 6])('of a schema fits it, with seed %i', async seed => {
    const request = generation('the ships', { schema, sampling: warm(seed), maxTokens: 200, topLogprobs: 1 })
    const pieces = await run(request)
    expect(endOf(pieces).reason).toBe('stop')
    expect(validate(schema, JSON.parse(textOf(pieces)))).toBeUndefined()
  })

  test('of a schema without a grammar is refused', async () => {
    await expect(run(generation('a', { schema: { type: 'date' } }))).rejects.toMatchObject({
      code: 'invalid-schema',
    })
  })
})

describe('a generation that nobody wants any more', () => {
  test('ends when its signal says so, and leaves its place', async () => {
    const controller = new AbortController()
    const seen: Piece[] = []
    const aborted = (async () => {
      const request = generation('the ships', { maxTokens: 200 })
      for await (const piece of engine.generate(model.artifact, request, controller.signal)) {
        seen.push(piece)
        if (seen.length === 4) controller.abort(new Error('gone'))
      }
    })()
    await expect(aborted).rejects.toThrow('gone')
    expect(seen).toHaveLength(4)
    await expect(piecesOf(engine, model, generation('a'), controller.signal)).rejects.toThrow('gone')
  })

  test('ends when its loop is left, and others take its place', async () => {
    for (let i = 0; i < 8; i++)
      for await (const piece of engine.generate(model.artifact, generation('a', { maxTokens: 200 }), never))
        if (piece.type === 'token') break
    expect(textOf(await run(generation('the ships')))).toBe(textOf(await run(generation('the ships'))))
  })
})

test('so many run, so many wait, and the next is refused until one has ended', async () => {
  const three = [1, 2, 3].map(() => run(generation('the ships', { maxTokens: 40 })))
  await expect(run(generation('a'))).rejects.toMatchObject({ code: 'queue-full' })
  const texts = (await Promise.all(three)).map(textOf)
  expect(new Set(texts).size).toBe(1)
  expect(await run(generation('a'))).toBeDefined()
})

describe('embeddings', () => {
  const embed = async (...texts: string[]) =>
    (
      await engine.embed(
        model.artifact,
        texts.map(text => ({ text })),
        never,
      )
    ).vectors

  test('have the model’s dimensions and the length 1, and are the same beside others', async () => {
    const [sea, town] = await embed('the ships that come from the sea', 'the town')
    expect(sea).toHaveLength(facts.dimensions)
    expect(Math.hypot(...sea!)).toBeCloseTo(1, 5)
    const busy = run(generation('the ships', { maxTokens: 30 }))
    expect(await embed('the town')).toEqual([town])
    await busy
  })

  test('count their tokens, and refuse a text longer than the context', async () => {
    const { tokens } = await engine.embed(model.artifact, [{ tokens: [1, 2] }, { tokens: [3] }], never)
    expect(tokens).toBe(3)
    const long = [{ tokens: Array(300).fill(1) }]
    await expect(engine.embed(model.artifact, long, never)).rejects.toMatchObject({
      code: 'context-length-exceeded',
    })
  })

  test('end with their signal', async () => {
    const controller = new AbortController()
    const asked = engine.embed(model.artifact, Array(200).fill({ text: 'a ship' }), controller.signal)
    setTimeout(() => controller.abort(new Error('gone')), 20)
    await expect(asked).rejects.toThrow('gone')
  })
})

test('a model that was never loaded is not asked', async () => {
  const artifact = `0x${'00'.repeat(32)}` as const
  await expect(piecesOf(engine, { artifact }, generation('a'))).rejects.toMatchObject({
    code: 'unsupported-model',
  })
})
