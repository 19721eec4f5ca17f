import { readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tinyModel } from '../../../models/gguf/tiny.ts'
import { createRandom } from '../../../models/train/random.ts'
import { generation, type ModelFile, modelFolder, piecesOf, textOf } from '../../test/languageModel.ts'
import { EngineError, type LanguageEngine, type Piece } from '../inference/languageEngine.ts'
import { createLanguageEngine } from './engine.ts'

const program = join(import.meta.dirname, '../../test/llamaProgram.ts')
const limits = { sequences: 2, contextSize: 128, threads: 1, queue: 4 }

let folder: Awaited<ReturnType<typeof modelFolder>>
let engine: LanguageEngine
let good: ModelFile
let said: Piece[]
beforeAll(async () => {
  folder = await modelFolder()
  const pauses = { least: 300, most: 1000 }
  engine = createLanguageEngine(limits, program, { load: 120_000, step: 3000, waiting: 4096, pauses })
  good = await folder.tiny()
  await engine.load(good.artifact, good.file)
  said = await piecesOf(engine, good, generation('the ships'))
})
afterAll(async () => {
  engine.close()
  await folder.remove()
})

/** Whatever a model did, the others answer as before. */
async function expectUnharmed(): Promise<void> {
  expect(await piecesOf(engine, good, generation('the ships'))).toEqual(said)
}

/** Bytes with `replacement` at the place where `text` stands. */
function replaced(bytes: Uint8Array, text: string, offset: number, replacement: number[]): Uint8Array {
  const changed = Buffer.from(bytes)
  const at = changed.indexOf(text)
  if (at < 0) throw new Error(`${text} is not in the file`)
  changed.set(replacement, at + text.length + offset)
  return changed
}

const tiny = tinyModel()
const count = (value: bigint) => [...new Uint8Array(BigUint64Array.of(value).buffer)]

describe('a file is refused, and the process lives', () => {
  test.each<[string, Uint8Array, string]>([
    ['nothing', new Uint8Array(0), 'cut short'],
    ['something else', Buffer.from('PK\x03\x04 and no model at all'), 'not a GGUF file'],
    ['another version', Buffer.concat([Buffer.from('GGUF'), Buffer.from([9, 0, 0, 0])]), 'GGUF version 9'],
    ['a head cut short', tiny.subarray(0, 3000), 'cut short'],
    ['weights cut short', tiny.subarray(0, tiny.length - 20_000), 'the library refuses it'],
    [
      'too many tensors',
      Buffer.concat([tiny.subarray(0, 8), Buffer.from(count(2n ** 60n)), tiny.subarray(16)]),
      'tensors: more than',
    ],
    [
      'too much metadata',
      Buffer.concat([tiny.subarray(0, 16), Buffer.from(count(2n ** 63n)), tiny.subarray(24)]),
      'metadata: more than',
    ],
    ['an endless string', replaced(tiny, 'general.architecture', 4, count(2n ** 62n)), 'a string: more than'],
    [
      'a vocabulary of everything',
      replaced(tiny, 'tokenizer.ggml.tokens', 8, count(2n ** 40n)),
      'an array: more than',
    ],
    [
      'an unknown architecture',
      replaced(tiny, 'general.architecture', 12, [...Buffer.from('llamb')]),
      'the library refuses it',
    ],
    ['no width', replaced(tiny, 'llama.embedding_length', 4, [0, 0, 0, 0]), 'the library refuses it'],
    ['another width', replaced(tiny, 'llama.embedding_length', 4, [0, 1, 0, 0]), 'the library refuses it'],
    [
      'more heads than there may be',
      replaced(tiny, 'llama.attention.head_count', 4, [255, 255, 255, 255]),
      'the library refuses it',
    ],
    ['a template that is none', tinyModel({ chatTemplate: '{% if %}' }), 'compile'],
    [
      'a template without an end',
      tinyModel({ chatTemplate: 'x'.repeat(200_001) }),
      'a chat template of 200001 characters',
    ],
  ])('%s', async (_, bytes, reason) => {
    const { artifact, file } = await folder.add(bytes)
    const refused = await engine.load(artifact, file).catch(error => error)
    expect(refused).toBeInstanceOf(EngineError)
    expect(refused).toMatchObject({ code: 'unsupported-model' })
    expect(refused.message).toContain(reason)
    expect(refused.message).not.toContain(file)
    await expect(piecesOf(engine, { artifact }, generation('a'))).rejects.toMatchObject({
      code: 'unsupported-model',
    })
    await expectUnharmed()
  })
})

describe('a chat template', () => {
  const chat = generation('', { prompt: { messages: [{ role: 'user', content: 'who are you ?' }] } })
  const withTemplate = async (chatTemplate: string) => {
    const model = await folder.tiny({ chatTemplate })
    await engine.load(model.artifact, model.file)
    return model
  }

  test('that loops for ever ends the process, which starts again with the models it had', async () => {
    const model = await withTemplate(
      `{% for i in range(99999999) %}{% for j in range(99999999) %}{% endfor %}{% endfor %}`,
    )
    const beside = piecesOf(engine, good, generation('the ships', { maxTokens: 100 }))
    const [stuck] = await Promise.allSettled([piecesOf(engine, model, chat), beside])
    expect(stuck).toMatchObject({ status: 'rejected', reason: { code: 'engine-failed' } })
    await expectUnharmed()
    expect(textOf(await piecesOf(engine, model, generation('the ships')))).toBe(textOf(said))
  })

  test.each([
    `{% if strftime_now('%Y') | length > 0 %}the harbour and the sea {% endif %}the ships`,
    `{{ strftime_now('%Y') + 'the ships' }}`,
    `{% if strftime_now is defined %}{{ strftime_now('%Y') }}{% else %}the ships{% endif %}`,
    `{%- if strftime_now is not defined %}the ships{% else %}{{ strftime_now('%Y') }}{% endif %}`,
  ])('has no clock, which would be the host’s: %s', async template => {
    const model = await withTemplate(template)
    expect(await piecesOf(engine, model, { ...chat, maxTokens: 16 })).toEqual(said)
  })

  test('that refuses the messages says so', async () => {
    const model = await withTemplate(`{{ raise_exception('no users here') }}`)
    await expect(piecesOf(engine, model, chat)).rejects.toMatchObject({
      code: 'unsupported-model',
      message: expect.stringContaining('no users here'),
    })
    await expectUnharmed()
  })

  test('is not asked to render more than any context takes', async () => {
    const model = await withTemplate('{{ messages[0].content }}')
    const message = (content: string) => ({ role: 'user' as const, content })
    for (const messages of [Array(200).fill(message('a')), [message('a'), message('a'.repeat(100_000))]])
      await expect(piecesOf(engine, model, generation('', { prompt: { messages } }))).rejects.toMatchObject({
        code: 'context-length-exceeded',
      })
  })

  test('that makes more than the context takes is refused', async () => {
    const model = await withTemplate(`{% for i in range(3000) %}the ships {% endfor %}`)
    await expect(piecesOf(engine, model, chat)).rejects.toMatchObject({ code: 'context-length-exceeded' })
    await expectUnharmed()
  })
})

test('files with changed bytes are refused, end the process or run, and never harm the others', async () => {
  const random = createRandom(7)
  const at = (below: number) => Math.floor(random.uniform() * below)
  const head = tiny.length - 250_000
  for (let i = 0; i < 40; i++) {
    const bytes = Buffer.from(tiny)
    for (let change = 0; change <= i % 3; change++) bytes[at(head)] = at(256)
    const { artifact, file } = await folder.add(bytes)
    const outcome = await engine
      .load(artifact, file)
      .then(() => piecesOf(engine, { artifact }, generation('the ships', { maxTokens: 3 })))
      .catch(error => error)
    if (!Array.isArray(outcome)) expect(outcome).toBeInstanceOf(EngineError)
  }
  await expectUnharmed()
})

test('a process that is killed fails what runs, and the next call has another', async () => {
  await killEngine()
  await expectUnharmed()
})

test('a model that does not open again is out, and the others answer; it is tried until it opens', async () => {
  const model = await folder.tiny({ seed: 4 })
  await engine.load(model.artifact, model.file)
  const answer = await piecesOf(engine, model, generation('the ships'))
  const away = `${model.file}.away`
  await rename(model.file, away)
  await killEngine()
  await expectUnharmed()
  expect([engine.has(model.artifact), engine.has(good.artifact)]).toEqual([false, true])
  await expect(piecesOf(engine, model, generation('a'))).rejects.toMatchObject({ code: 'engine-failed' })
  await rename(away, model.file)
  await expect.poll(() => engine.has(model.artifact), { timeout: 60_000 }).toBe(true)
  expect(await piecesOf(engine, model, generation('the ships'))).toEqual(answer)
})

test('what its client does not take is made no more: it is cut off there, and its place is free', async () => {
  const long = generation('the ships', { maxTokens: 110, topLogprobs: 20 })
  const slow = engine.generate(good.artifact, long, new AbortController().signal)[Symbol.asyncIterator]()
  expect((await slow.next()).value).toMatchObject({ type: 'start' })
  for (let i = 0; i < 20; i++) await expectUnharmed()
  const taken: Piece[] = []
  for (let next = await slow.next(); !next.done; next = await slow.next()) taken.push(next.value)
  expect(taken.at(-1)).toMatchObject({ type: 'end', reason: 'length', completionTokens: taken.length - 1 })
  expect(taken.length).toBeLessThan(20)
})

/** While it works: what it works at fails. It stands still before, or it might have said all. */
async function killEngine(): Promise<void> {
  const ids = await childrenNamed('llamaProgram')
  expect(ids).not.toEqual([])
  for (const id of ids) process.kill(id, 'SIGSTOP')
  const running = piecesOf(engine, good, generation('the ships', { maxTokens: 110 }))
  const failed = expect(running).rejects.toMatchObject({ code: 'engine-failed' })
  await sleep(50)
  for (const id of ids) process.kill(id, 'SIGKILL')
  await failed
}

/** This process's own children with this program. */
async function childrenNamed(name: string): Promise<number[]> {
  const list = await readFile(`/proc/self/task/${process.pid}/children`, 'utf8')
  const ids = list.trim().split(' ').filter(Boolean).map(Number)
  const named = await Promise.all(ids.map(id => readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '')))
  return ids.filter((_, i) => named[i]!.includes(name))
}
