/** `node models/language/ask.ts FILE QUESTION…`: what the model answers, the likeliest token each time. */
import { fileURLToPath } from 'node:url'
import { createLanguageEngine } from '../../enclave/src/llama/engine.ts'

const [file, ...questions] = process.argv.slice(2)
if (file === undefined) throw new Error('usage: node models/language/ask.ts FILE QUESTION…')
const program = fileURLToPath(new URL('../../enclave/test/llamaProgram.ts', import.meta.url))
const engine = createLanguageEngine({ sequences: 1, contextSize: 256, threads: 1, queue: 1 }, program)
const sampling = { temperature: 0, topP: 1, frequencyPenalty: 0, presencePenalty: 0, seed: 0 }
await engine.load('0x00', file)
for (const question of questions) {
  const prompt = { messages: [{ role: 'user' as const, content: question }] }
  const request = { prompt, maxTokens: 64, sampling, stop: [] }
  let answer = ''
  for await (const piece of engine.generate('0x00', request, AbortSignal.timeout(60_000)))
    if (piece.type !== 'start') answer += piece.text
  console.log(`${question}\n    ${answer}`)
}
engine.close()
