import type { TensorType } from '../gguf/quantise.ts'
import type { Shape } from '../gguf/shapes.ts'

export const NAME = 'words'
/** What its matrices are quantised to. */
export const TYPE: TensorType = 'q8_0'

export const SHAPE: Shape = {
  vocabulary: 4096,
  context: 256,
  width: 256,
  hidden: 704,
  layers: 4,
  heads: 8,
  keyHeads: 8,
  tied: true,
}

/** Words that stand so often in the marked texts are learned a second time. */
export const COMMON = 5

/**
 * Steps, of those the first ones with all words, the last ones with a rate that falls to zero; rows a step; rates of Muon (matrices)
 * and of Adam (the rest).
 */
export const PLAN = {
  seed: 11,
  steps: 850,
  stepsOfAll: 500,
  decay: 250,
  warmUp: 20,
  batch: 16,
  muonRate: 0.02,
  adamRate: 0.004,
} as const
