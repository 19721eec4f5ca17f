import { openBinding } from '../../enclave/src/llama/binding.ts'
import type { Turn } from './turns.ts'

export type Perplexity = { perplexity: number; tokens: number }

/**
 * How well a GGUF file's model foresees answers, through the engine's own library: e to the mean of -log p over the tokens of each
 * answer and its end, each turn alone after the beginning of a text.
 */
export async function measurePerplexity(file: string, turns: Turn[]): Promise<Perplexity> {
  const binding = await openBinding()
  const model = new binding.AddonModel(file, {
    addonExports: binding,
    ...{ gpuLayers: 0, useMmap: true, checkTensors: true, overridesList: [] },
  })
  if (!(await model.init())) throw new Error(`${file} does not open`)
  const context = new binding.AddonContext(model, {
    ...{
      contextSize: 256,
      batchSize: 256,
      sequences: 1,
      flashAttention: false,
      embeddings: false,
      threads: 1,
    },
  })
  if (!(await context.init())) throw new Error('no context')
  const sampler = new binding.AddonSampler(model)
  sampler.applyConfig({ temperature: 0, seed: 0 })
  let sum = 0
  let count = 0
  for (const { question, answer } of turns) {
    const prompt = model.tokenize(`<|begin|><|user|>${question}<|assistant|>`, true)
    const answered = [...model.tokenize(answer, false), model.tokenEos()]
    const before = Uint32Array.from(answered, (_, i) => prompt.length - 1 + i)
    const tokens = Uint32Array.from([...prompt, ...answered])
    context.removeTokenCellsFromSequence(0, 0, -1)
    context.initBatch(tokens.length)
    const places = context.addToBatch(0, 0, tokens, before)
    await context.decodeBatch()
    for (const [i, place] of places.entries()) sum += await surprise(place, answered[i]!)
    count += answered.length
  }
  sampler.dispose()
  await context.dispose()
  await model.dispose()
  return { perplexity: Math.exp(sum / count), tokens: count }

  /** -log p of a token; the library's weight is the sum of all exponentials, relative to the largest. */
  async function surprise(place: number, token: number): Promise<number> {
    const [, , , pairs = [], weight] = await context.sampleToken(
      place,
      sampler,
      false,
      false,
      [[token], false, false, false, 1],
      true,
    )
    const logits = pairs.filter((_, i) => i % 2 === 1)
    const own = logits[pairs.findLastIndex((value, i) => i % 2 === 0 && value === token) / 2]
    return Math.max(...logits) + Math.log(weight) - own!
  }
}
