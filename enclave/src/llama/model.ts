import { messageOf } from '@nacre/verify'
import { EngineError, type ModelFacts } from '../inference/languageEngine.ts'
import type { AddonContext, AddonModel, Binding } from './binding.ts'
import { type GgufHead, readGgufHead } from './gguf.ts'
import { EMBEDDING_BATCH, POOLING_MEAN, PREFILL_CHUNK } from './kernel.ts'
import type { LlamaLimits } from './protocol.ts'
import { createTemplate, type Template } from './template.ts'
import { createVocabulary, type Vocabulary } from './vocabulary.ts'

/** An open model with its context of `limits.sequences` places. */
export type Model = {
  facts: ModelFacts
  addon: AddonModel
  vocabulary: Vocabulary
  template: Template | undefined
  context: AddonContext
  /** Whether it writes text: encoders only embed. */
  generates: boolean
  /** Whether one batch may hold several sequences without changing any. */
  batches: boolean
  /** Of embeddings: opened when the first are asked for. */
  embedding(): Promise<AddonContext>
}

/** @throws EngineError unsupported-model */
export async function openModel(binding: Binding, file: string, limits: LlamaLimits): Promise<Model> {
  try {
    return await open(binding, file, limits)
  } catch (cause) {
    if (cause instanceof EngineError) throw cause
    const reason = messageOf(cause).replaceAll(file, 'the file').slice(0, 200)
    throw new EngineError('unsupported-model', `the engine does not open this model: ${reason}`, cause)
  }
}

async function open(binding: Binding, file: string, limits: LlamaLimits): Promise<Model> {
  const head = readGgufHead(file)
  // llama.cpp would open other files by names that it makes of this one's.
  if (Number(head.values.get('split.count') ?? 1) > 1) throw new Error('one part of several')
  const pooling = `${head.architecture}.pooling_type`
  const addon = new binding.AddonModel(file, {
    addonExports: binding,
    gpuLayers: 0,
    useMmap: true,
    checkTensors: true,
    overridesList: head.values.has(pooling) ? [] : [[pooling, POOLING_MEAN, 0]],
  })
  if (!(await addon.init())) throw new Error('the library refuses it')
  const vocabulary = createVocabulary(addon, head)
  const contextLength = Math.min(addon.getTrainContextSize(), limits.contextSize)
  if (!(contextLength >= 2)) throw new Error(`a context of ${contextLength} tokens`)
  const template = templateOf(binding, head, addon)
  const context = await openContext(binding, addon, {
    // Cells come in blocks of 256 a sequence.
    contextSize: Math.ceil(contextLength / 256) * 256 * limits.sequences,
    batchSize: PREFILL_CHUNK,
    sequences: limits.sequences,
    embeddings: false,
    threads: limits.threads,
  })
  let embedding: Promise<AddonContext> | undefined
  return {
    facts: {
      contextLength,
      chat: template !== undefined,
      tools: template !== undefined && /\btools\b/.test(`${head.values.get('tokenizer.chat_template')}`),
      dimensions: addon.getEmbeddingVectorSize(),
    },
    addon,
    vocabulary,
    template,
    context,
    generates: generatesText(head),
    batches: keepsItsOutputs(head),
    embedding() {
      const size = Math.min(contextLength, EMBEDDING_BATCH)
      embedding ??= openContext(binding, addon, {
        contextSize: Math.ceil(size / 256) * 256,
        batchSize: size,
        sequences: 1,
        embeddings: true,
        threads: limits.threads,
      })
      return embedding
    },
  }
}

async function openContext(
  binding: Binding,
  addon: AddonModel,
  options: {
    contextSize: number
    batchSize: number
    sequences: number
    embeddings: boolean
    threads: number
  },
): Promise<AddonContext> {
  const context = new binding.AddonContext(addon, { ...options, flashAttention: false })
  if (!(await context.init())) throw new Error('the library opens no context for it')
  return context
}

function templateOf(binding: Binding, head: GgufHead, addon: AddonModel): Template | undefined {
  const source = head.values.get('tokenizer.chat_template')
  if (typeof source !== 'string') return undefined
  const nameOf = (token: number) => (token < 0 ? '' : addon.getTokenString(token))
  return createTemplate(binding, source, { bos: nameOf(addon.tokenBos()), eos: nameOf(addon.tokenEos()) })
}

/** Models that read in both directions, or with an encoder before. */
function generatesText({ architecture, values }: GgufHead): boolean {
  return values.get(`${architecture}.attention.causal`) !== false && !/bert|^t5|embedding/.test(architecture)
}

const Q4_0 = 2
const Q8_0 = 8

/**
 * Products with these two types give the same bits for one row and for several; with others the library takes another
 * way, whose sums differ in the last bits. What is looked up by row is not multiplied.
 */
function keepsItsOutputs({ tensors }: GgufHead): boolean {
  const looked = ['position_embd.weight', 'token_types.weight']
  return tensors.every(
    ({ name, dims, type }) =>
      dims.length === 1 || looked.includes(name) || (dims.length === 2 && (type === Q4_0 || type === Q8_0)),
  )
}
