import type { Hex } from '@nacre/verify'
import type { EngineErrorCode, Generation, ModelFacts, Piece, Prompt } from '../inference/languageEngine.ts'

/** What the engine may use: of the start options' `inference`. */
export type LlamaLimits = {
  /** At a time: each model's context has as many places, and no more generate. */
  sequences: number
  /** Most tokens of each. */
  contextSize: number
  threads: number
  /** Requests that wait beside them. */
  queue: number
}

/** What the enclave asks of the engine's process. `id` is the call's, and of `abort` the one to stop. */
export type Call =
  | { id: number; call: 'load'; artifact: Hex; file: string }
  | { id: number; call: 'generate'; artifact: Hex; request: Generation }
  | { id: number; call: 'embed'; artifact: Hex; inputs: Prompt[] }
  | { id: number; call: 'abort' }

/** What comes back: of each call its results and one end, which an `error` is too. `beat` says that work goes on. */
export type Reply =
  | { id: number; type: 'facts'; facts: ModelFacts }
  | { id: number; type: 'piece'; piece: Piece }
  | { id: number; type: 'vectors'; vectors: Float32Array[]; tokens: number }
  | { id: number; type: 'error'; code: EngineErrorCode; message: string }
  | { id: 0; type: 'beat' }
