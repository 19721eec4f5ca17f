import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { LanguageEngine } from '../../enclave/src/inference/languageEngine.ts'
import { openBinding } from '../../enclave/src/llama/binding.ts'
import { createLanguageEngine } from '../../enclave/src/llama/engine.ts'
import { readGgufHead } from '../../enclave/src/llama/gguf.ts'
import { createEncoder, trainBpe } from '../gguf/bpe.ts'
import { seededWeights } from '../gguf/seeded.ts'
import { shapeMetadata, tensorsOf } from '../gguf/shapes.ts'
import { writeGguf } from '../gguf/write.ts'
import { answerTo } from './ask.ts'
import { measurePerplexity } from './perplexity.ts'
import { NAME, SHAPE } from './settings.ts'
import { SPECIALS, wordsTokenizer } from './tokenizer.ts'

const MODELS = join(import.meta.dirname, '..')
const read = (name: string): string => readFileSync(join(MODELS, name), 'utf8')
const [entry] = JSON.parse(read('language/index.json'))
const file = join(MODELS, entry.file)
const samples = JSON.parse(read('language/samples.json'))
const card = read('words.md')

describe('the file', () => {
  test('has the digest and the size of the index, and the card says both', () => {
    const bytes = readFileSync(file)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    expect(entry).toMatchObject({ name: NAME, file: 'words.gguf', sha256: `0x${sha256}`, size: bytes.length })
    expect(bytes.length).toBeLessThanOrEqual(15_000_000)
    expect(card).toContain(sha256)
    expect(card).toContain(bytes.length.toLocaleString('en'))
  })
  test('says what it is: shape, tokenizer, template, licence', () => {
    const { values, architecture } = readGgufHead(file)
    expect(architecture).toBe('llama')
    expect(values.get('llama.context_length')).toBe(SHAPE.context)
    expect(values.get('llama.block_count')).toBe(SHAPE.layers)
    expect(values.get('tokenizer.chat_template')).toContain('<|assistant|>')
    expect(values.get('general.license.name')).toContain('WordNet')
  })
  test('WordNet’s licence goes with it, whole', () => {
    const licence = read('words.license.txt')
    for (const part of [
      'WordNet 3.0 Copyright 2006 by Princeton University',
      'appear on ALL copies',
      'AS IS',
    ])
      expect(licence).toContain(part)
  })
})

describe('in the engine', () => {
  let engine: LanguageEngine
  beforeAll(async () => {
    const program = fileURLToPath(new URL('../../enclave/test/llamaProgram.ts', import.meta.url))
    engine = createLanguageEngine({ sequences: 1, contextSize: 256, threads: 1, queue: 4 }, program)
    expect(await engine.load('0x01', file)).toMatchObject({ contextLength: 256, chat: true, tools: false })
  })
  afterAll(() => engine.close())

  test('it answers what the card shows, right and wrong', async () => {
    for (const { question, answer: expected } of samples.answers) {
      expect(await answerTo(engine, '0x01', question)).toBe(expected)
      expect(card).toContain(`| ${question} | ${expected} |`)
    }
  })
})

describe('perplexity of held-out answers, through the engine’s library', () => {
  test('a sample of them has that of the card', async () => {
    const { perplexity, tokens } = await measurePerplexity(file, samples.heldOut)
    expect(tokens).toBe(samples.heldOutTokens)
    expect(perplexity).toBeCloseTo(samples.heldOutPerplexity, 1)
    expect(card).toContain(`${samples.heldOutPerplexity.toFixed(1)} over these ${samples.heldOut.length}`)
  })
})

test('the library cuts text into the tokens that training cut it into', async () => {
  const texts: string[] = samples.heldOut.map((one: { answer: string }) => one.answer)
  const bpe = trainBpe(texts, 600)
  const shape = {
    ...SHAPE,
    ...{ vocabulary: bpe.tokens.length + SPECIALS.length, width: 64, hidden: 64, layers: 1 },
  }
  const dir = mkdtempSync(join(tmpdir(), 'nacre-tokens-'))
  writeGguf(join(dir, 'x.gguf'), {
    metadata: { ...shapeMetadata('llama', shape), ...wordsTokenizer(bpe) },
    tensors: tensorsOf('llama', shape, 'f32', seededWeights(1, 0.1)),
  })
  const binding = await openBinding()
  const model = new binding.AddonModel(join(dir, 'x.gguf'), {
    ...{ addonExports: binding, gpuLayers: 0, useMmap: false, checkTensors: true, overridesList: [] },
  })
  expect(await model.init()).toBe(true)
  const encode = createEncoder(bpe)
  for (const text of [
    'What is a harbor?',
    '“Naïve” 1,234 — it’s\n\n  of text  ',
    "it's we'll 12ab",
    ...texts,
  ])
    expect([...model.tokenize(text, false)], text).toEqual(encode(text))
  for (const [i, special] of SPECIALS.entries())
    expect([...model.tokenize(special, true)]).toEqual([bpe.tokens.length + i])
  await model.dispose()
  rmSync(dir, { recursive: true })
})
