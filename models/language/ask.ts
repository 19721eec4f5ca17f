import { fileURLToPath } from 'node:url'
import type { LanguageEngine } from '../../enclave/src/inference/languageEngine.ts'
import { createLanguageEngine } from '../../enclave/src/llama/engine.ts'

const PROGRAM = fileURLToPath(new URL('../../enclave/test/llamaProgram.ts', import.meta.url))

/** The enclave's engine in a process of its own, with one thread. */
export function startEngine(): LanguageEngine {
  return createLanguageEngine({ sequences: 1, contextSize: 256, threads: 1, queue: 1 }, PROGRAM)
}

/** What a loaded model answers to a question, the likeliest token each time. */
export async function answerTo(
  engine: LanguageEngine,
  artifact: `0x${string}`,
  question: string,
): Promise<string> {
  const sampling = { temperature: 0, topP: 1, frequencyPenalty: 0, presencePenalty: 0, seed: 0 }
  const prompt = { messages: [{ role: 'user' as const, content: question }] }
  const request = { prompt, maxTokens: 64, sampling, stop: [] }
  let text = ''
  for await (const piece of engine.generate(artifact, request, AbortSignal.timeout(120_000)))
    if (piece.type !== 'start') text += piece.text
  return text
}
