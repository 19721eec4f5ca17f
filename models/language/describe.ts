/**
 * `node models/language/describe.ts FOLDER`: asks models/words.gguf, measures it on what was held out, and writes its entry in
 * index.json and samples.json, which the tests and the card repeat.
 */
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { answerTo, startEngine } from './ask.ts'
import { measurePerplexity } from './perplexity.ts'
import { NAME } from './settings.ts'
import type { Turn } from './turns.ts'

const QUESTIONS = [
  'Who are you?',
  'Hello',
  'What is a harbor?',
  'What is a ship?',
  'What is a letter?',
  'What is a river?',
  'Define water.',
  'What is a computer?',
  'What is a receipt?',
  'What does it mean to walk?',
  'What does "happy" mean?',
  'What kind of thing is a rose?',
  'What kind of thing is a dog?',
  'Use house in a sentence.',
  'What is bread?',
  'What is an enclave?',
  'What is a blockchain?',
  'What is two plus two?',
]
/** Enough for a test of some seconds. */
const SAMPLE = 60

const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('usage: node models/language/describe.ts FOLDER')
const file = join(import.meta.dirname, '..', `${NAME}.gguf`)
const turns = JSON.parse(readFileSync(join(folder, 'held-out.json'), 'utf8')) as Turn[]
const { heldOutLoss } = JSON.parse(readFileSync(join(folder, 'training.json'), 'utf8'))
const heldOut = turns.slice(0, SAMPLE)
const all = await measurePerplexity(file, turns)
const some = await measurePerplexity(file, heldOut)

const engine = startEngine()
await engine.load('0x01', file)
const answers: Turn[] = []
for (const question of QUESTIONS) answers.push({ question, answer: await answerTo(engine, '0x01', question) })
engine.close()

const bytes = readFileSync(file)
const sha256 = createHash('sha256').update(bytes).digest('hex')
const entry = {
  name: NAME,
  file: `${NAME}.gguf`,
  sha256: `0x${sha256}`,
  size: bytes.length,
  title: 'Definitions of English words, a very small language model',
  perplexity: { heldOut: all.perplexity, tokens: all.tokens, inTraining: Math.exp(heldOutLoss) },
}
const samples = {
  answers,
  heldOutPerplexity: some.perplexity,
  heldOutTokens: some.tokens,
  heldOut,
}
writeFileSync(join(import.meta.dirname, 'index.json'), `${JSON.stringify([entry], null, 2)}\n`)
writeFileSync(join(import.meta.dirname, 'samples.json'), `${JSON.stringify(samples, null, 2)}\n`)
console.log(JSON.stringify(entry, null, 2))
for (const { question, answer } of answers) console.log(`| ${question} | ${answer} |`)
