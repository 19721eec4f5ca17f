import type { TensorType } from './quantise.ts'
import { seededWeights } from './seeded.ts'
import { FILE_TYPES, type Shape, shapeMetadata, tensorsOf } from './shapes.ts'
import type { Gguf, Value } from './write.ts'

/** GPT-2 XL (Radford et al., 2019): 48 layers, 1,557,611,200 weights. Its weights themselves are not here, and no speed depends on them. */
export const GPT2_XL: Shape = {
  vocabulary: 50_257,
  context: 1024,
  width: 1600,
  hidden: 6400,
  layers: 48,
  heads: 25,
  keyHeads: 25,
  tied: true,
}

/** The same made small, to try what takes minutes with the other. */
export const GPT2_SMALL: Shape = { ...GPT2_XL, width: 256, hidden: 1024, layers: 4, heads: 8, keyHeads: 8 }

/** A file of such a shape with seeded weights and a vocabulary of its own, as many tokens as GPT-2 has: what it says means nothing. */
export function gpt2Model(shape: Shape, type: TensorType, seed: number): Gguf {
  return {
    metadata: {
      ...shapeMetadata('gpt2', shape),
      'general.name': { string: `GPT-2 of width ${shape.width}, seed ${seed}` },
      'general.file_type': { u32: FILE_TYPES[type] },
      ...vocabulary(shape.vocabulary),
    },
    tensors: tensorsOf('gpt2', shape, type, seededWeights(seed, 0.02)),
  }
}

/** 256 bytes, then pairs of printable letters, then triples that begin with one of these pairs; last the end of a text. */
function vocabulary(size: number): Record<string, Value> {
  const letters = Array.from({ length: 94 }, (_, i) => String.fromCharCode(33 + i))
  const bytes = [...letters, ...Array.from({ length: 256 - 94 }, (_, i) => otherLetter(i))]
  const pairs = letters.flatMap(a => letters.map(b => [a, b] as const))
  const triples = pairs.flatMap(([a, b]) => letters.map(c => [a + b, c] as const))
  const merged = [...pairs, ...triples].slice(0, size - 1 - bytes.length)
  const tokens = [...bytes, ...merged.map(([a, b]) => a + b), '<|endoftext|>']
  return {
    'tokenizer.ggml.model': { string: 'gpt2' },
    'tokenizer.ggml.pre': { string: 'gpt-2' },
    'tokenizer.ggml.tokens': { strings: tokens },
    'tokenizer.ggml.token_type': { i32s: tokens.map((_, id) => (id === size - 1 ? 3 : 1)) },
    'tokenizer.ggml.merges': { strings: merged.map(([a, b]) => `${a} ${b}`) },
    'tokenizer.ggml.bos_token_id': { u32: size - 1 },
    'tokenizer.ggml.eos_token_id': { u32: size - 1 },
    'tokenizer.ggml.add_bos_token': { bool: false },
  }
}

/** GPT-2's letters for bytes that are not printable ASCII: those of Latin-1, and for the rest, in their order, from U+0100 on. */
function otherLetter(index: number): string {
  const printable = Array.from({ length: 0x100 - 0xa1 }, (_, i) => 0xa1 + i).filter(code => code !== 0xad)
  return String.fromCharCode(printable[index] ?? 0x100 + index - printable.length)
}
