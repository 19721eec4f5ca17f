import { createRandom } from '../train/random.ts'
import type { Weights } from './shapes.ts'

/** Weights that are the same for a seed and a tensor's name: uniform around zero with this deviation, scales of norms 1, offsets 0. */
export function seededWeights(seed: number, deviation: number): Weights {
  return name => {
    if (name.endsWith('.bias')) return into => into.fill(0)
    if (name.endsWith('norm.weight')) return into => into.fill(1)
    const width = 2 * Math.sqrt(3) * deviation
    let random = createRandom(0)
    return (into, start) => {
      if (start === 0) random = createRandom(hashOf(`${seed} ${name}`))
      for (let i = 0; i < into.length; i++) into[i] = (random.uniform() - 0.5) * width
    }
  }
}

/** FNV-1a, 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash
}
