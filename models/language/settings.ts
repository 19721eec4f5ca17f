import type { Shape } from '../gguf/shapes.ts'

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

/** Rows a step, rates of Muon (matrices) and Adam (the rest), steps until the full rate and those in which it falls to zero. */
export const PLAN = {
  seed: 11,
  steps: 1200,
  batch: 16,
  warmUp: 20,
  decay: 500,
  muonRate: 0.02,
  adamRate: 0.004,
} as const
