import { EngineError, type Generation, type Logprob } from '../inference/languageEngine.ts'
import type { AddonGrammarState, AddonSampler, Binding } from './binding.ts'
import { grammarOf } from './grammar.ts'
import type { Model } from './model.ts'

export type Sampled = { id: number; logprob?: Logprob; top?: Logprob[] }

/** Chooses the tokens of one generation. */
export type Sampling = {
  /** The token after the one at this index of the last batch; undefined where none can follow. */
  next(index: number): Promise<Sampled | undefined>
  dispose(): void
}

/** What OpenAI tells for a probability of nothing. */
const LEAST_LOGPROB = -9999

/**
 * llama.cpp's samplers in its order: penalties over the tokens made so far, top_p, temperature, then one draw.
 * Probabilities are the model's own, before all of these, as OpenAI tells them.
 */
export function createSampling(binding: Binding, model: Model, request: Generation): Sampling {
  const sampler = new binding.AddonSampler(model.addon)
  sampler.applyConfig({
    ...configOf(request, model.facts.contextLength),
    ...(request.schema !== undefined && {
      grammarEvaluationState: grammarFor(binding, model, request.schema),
    }),
  })
  const count = request.topLogprobs
  const reader = count === undefined ? undefined : createReader(binding, model, count)
  return {
    async next(index) {
      const id = await model.context.sampleToken(index, sampler)
      if (id < 0) return undefined
      return reader ? { id, ...(await reader.read(index, id)) } : { id }
    },
    dispose() {
      sampler.dispose()
      reader?.dispose()
    },
  }
}

/** @throws EngineError invalid-schema */
function grammarFor(binding: Binding, model: Model, schema: unknown): AddonGrammarState {
  const grammar = grammarOf(schema)
  try {
    const parsed = new binding.AddonGrammar(grammar, { addonExports: binding })
    return new binding.AddonGrammarEvaluationState(model.addon, parsed)
  } catch {
    throw new EngineError('invalid-schema', 'schema: the engine takes no grammar of this size')
  }
}

function configOf(
  { sampling, maxTokens }: Generation,
  contextLength: number,
): Parameters<AddonSampler['applyConfig']>[0] {
  const { temperature, topP, frequencyPenalty, presencePenalty, seed } = sampling
  const penalties = frequencyPenalty !== 0 || presencePenalty !== 0
  return {
    temperature,
    seed,
    ...(topP < 1 ? { topP } : {}),
    ...(penalties && {
      repeatPenalty: 1,
      repeatPenaltyMaxTokens: Math.min(maxTokens, contextLength),
      repeatPenaltyTokens: new Uint32Array(0),
      repeatPenaltyFrequencyPenalty: frequencyPenalty,
      repeatPenaltyPresencePenalty: presencePenalty,
    }),
  }
}

/** Reads the model's own probabilities: a sampler that changes nothing is asked for the logits. */
function createReader(binding: Binding, { addon, context, vocabulary }: Model, count: number) {
  const sampler = new binding.AddonSampler(addon)
  sampler.applyConfig({ temperature: 0, seed: 0 })
  const logprobOf = (token: number, value: number): Logprob => ({
    token: vocabulary.nameOf(token),
    bytes: [...vocabulary.bytesOf(token)],
    logprob: Number.isFinite(value) ? Math.min(value, 0) : LEAST_LOGPROB,
  })
  return {
    async read(index: number, id: number): Promise<Omit<Sampled, 'id'>> {
      // At least the likeliest: the weight is relative to it.
      const most = Math.max(count, 1)
      const [, , , pairs, weight] = await context.sampleToken(
        index,
        sampler,
        false,
        false,
        [[id], false, false, false, most],
        true,
      )
      const logits = pairsOf(pairs ?? [])
      const highest = logits[0]?.[1] ?? 0
      const logprobAt = (logit: number) => logit - highest - Math.log(weight)
      const own = logits.findLast(([token]) => token === id)
      return {
        logprob: logprobOf(id, logprobAt(own?.[1] ?? Number.NaN)),
        top: logits.slice(0, count).map(([token, logit]) => logprobOf(token, logprobAt(logit))),
      }
    },
    dispose: () => sampler.dispose(),
  }
}

function pairsOf(flat: number[]): [token: number, value: number][] {
  return Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i]!, flat[2 * i + 1]!])
}
