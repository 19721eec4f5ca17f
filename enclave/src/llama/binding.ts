import { createRequire } from 'node:module'
import { join } from 'node:path'
import { nativesFolder } from './natives.ts'
import { cpuVariant, variantFile } from './variant.ts'

/**
 * The part of llama.cpp's binding that is used here: the native module of node-llama-cpp, whose JavaScript is not
 * (docs/decisions/0014-llama-binding.md). What it takes and gives was read from its C++.
 */
export type Binding = {
  setEnv(name: string, value: string): boolean
  setLogger(logger: (level: number, message: string) => void): void
  setLoggerLogLevel(level: number): void
  loadBackends(folder: string): void
  systemInfo(): string
  init(): Promise<void>
  AddonModel: new (file: string, options: ModelOptions) => AddonModel
  AddonContext: new (model: AddonModel, options: ContextOptions) => AddonContext
  AddonSampler: new (model: AddonModel) => AddonSampler
  AddonGrammar: new (grammar: string, options: { addonExports: Binding }) => AddonGrammar
  AddonGrammarEvaluationState: new (model: AddonModel, grammar: AddonGrammar) => AddonGrammarState
  AddonJinjaRenderer: new (template: string) => { render(values: Record<string, unknown>): string }
}

type ModelOptions = {
  addonExports: Binding
  gpuLayers: 0
  useMmap: boolean
  checkTensors: boolean
  /** Metadata that replaces the file's: key, value, 0 for an integer. */
  overridesList: [string, number, 0][]
}

type ContextOptions = {
  /** Of all sequences together. */
  contextSize: number
  /** Most tokens of one batch, and of one micro-batch: the binding makes them the same. */
  batchSize: number
  sequences: number
  flashAttention: false
  embeddings: boolean
  threads: number
}

export type AddonModel = {
  init(): Promise<boolean>
  dispose(): Promise<void>
  tokenize(text: string, specialTokens: boolean): Uint32Array
  getTrainContextSize(): number
  getEmbeddingVectorSize(): number
  getVocabularyType(): number
  getTokenString(token: number): string
  getTokenAttributes(token: number): number
  isEogToken(token: number): boolean
  tokenBos(): number
  tokenEos(): number
  sepToken(): number
  shouldPrependBosToken(): boolean
  shouldAppendEosToken(): boolean
}

export type AddonContext = {
  init(): Promise<boolean>
  dispose(): Promise<void>
  initBatch(size: number): void
  /** Indices of the tokens whose logits were asked for, in the batch. */
  addToBatch(sequence: number, position: number, tokens: Uint32Array, logits: Uint32Array): Uint32Array
  decodeBatch(): Promise<void>
  /** -1 where no token can follow. */
  sampleToken(index: number, sampler: AddonSampler): Promise<number>
  sampleToken(
    index: number,
    sampler: AddonSampler,
    probabilities: false,
    confidence: false,
    logits: [tokens: number[], highest: false, lowest: false, selected: false, top: number],
    totalWeight: true,
  ): Promise<[token: number, undefined, undefined, logits: number[] | undefined, totalWeight: number]>
  removeTokenCellsFromSequence(sequence: number, from: number, to: number): boolean
  getEmbedding(tokens: number): Float64Array
}

export type AddonSampler = {
  dispose(): void
  applyConfig(config: {
    temperature: number
    topP?: number
    seed: number
    repeatPenalty?: number
    repeatPenaltyMaxTokens?: number
    repeatPenaltyTokens?: Uint32Array
    repeatPenaltyPresencePenalty?: number
    repeatPenaltyFrequencyPenalty?: number
    grammarEvaluationState?: AddonGrammarState
  }): void
}

export type AddonGrammar = { readonly __grammar: never }
export type AddonGrammarState = { readonly __state: never }

const LOG_NOTHING = 0

/**
 * Opens the native library with one CPU variant and no other: which one a machine would choose by itself changes
 * every output.
 * @throws Error on a processor that has not what the variant needs
 */
export async function openBinding(): Promise<Binding> {
  const folder = nativesFolder()
  const binding: Binding = createRequire(import.meta.url)(join(folder, 'llama-addon.node'))
  binding.setLogger(() => undefined)
  binding.setLoggerLogLevel(LOG_NOTHING)
  const variant = cpuVariant()
  // A backend of this path alone; in the folder it finds nothing.
  binding.setEnv('GGML_BACKEND_PATH', variantFile(variant))
  binding.loadBackends(join(folder, 'none'))
  if (!binding.systemInfo().startsWith('CPU'))
    throw new Error(`this processor cannot run the engine's ${variant} library`)
  await binding.init()
  return binding
}
