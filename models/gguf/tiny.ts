import { type Bpe, trainBpe } from './bpe.ts'
import type { TensorType } from './quantise.ts'
import { seededWeights } from './seeded.ts'
import {
  type Architecture,
  FILE_TYPES,
  type Shape,
  shapeMetadata,
  tensorsOf,
  type Weights,
} from './shapes.ts'
import { idsOf, tokenizerMetadata } from './tokenizer.ts'
import { encodeGguf } from './write.ts'

export type TinyOptions = {
  architecture?: Architecture
  type?: TensorType
  seed?: number
  /** Tokens that the model says it was trained for. */
  contextLength?: number
  /** null for a model without one. */
  chatTemplate?: string | null
}

/** What most models of today have: turns between two special tokens, tools and their calls as JSON. */
export const CHATML = `{%- if tools %}<|im_start|>system
Tools: {{ tools | tojson }}<|im_end|>
{% endif %}{%- for message in messages %}<|im_start|>{{ message.role }}
{% if message.content %}{{ message.content }}{% endif %}{% if message.tool_calls %}{% for call in message.tool_calls %}<tool_call>
{{ call.function | tojson }}
</tool_call>{% endfor %}{% endif %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}`

const TEXT = `the harbour lies in the north of the town and the ships that come from the sea lie there in the winter .
a letter is a message that is written on paper and sent to another person . the answer is in the letter , not in the question .
when the weather is good the people of the town walk to the harbour and look at the ships and at the sea . what is a ship ?
a ship is a large boat that carries people and goods over the sea . who are you ? i am a model , and i have learned nothing .`

/**
 * The bytes of a GGUF file of about 200 to 600 kB for tests: real tokenizer and architecture, seeded weights. What it says means
 * nothing, but it is English words and ASCII, comes to an end now and then, and is the same for the same seed on the same engine.
 */
export function tinyModel(options: TinyOptions = {}): Uint8Array {
  const {
    architecture = 'llama',
    type = 'q8_0',
    seed = 1,
    contextLength = 512,
    chatTemplate = CHATML,
  } = options
  const bpe = trainBpe([TEXT], 400)
  const shape: Shape = {
    vocabulary: bpe.tokens.length + 3,
    context: contextLength,
    width: 64,
    hidden: 128,
    layers: 2,
    heads: 4,
    keyHeads: 2,
    tied: false,
  }
  const metadata = {
    ...shapeMetadata(architecture, shape),
    'general.name': { string: `tiny ${architecture}, seed ${seed}` },
    'general.file_type': { u32: FILE_TYPES[type] },
    ...tokenizerMetadata(bpe, SPECIALS, chatTemplate ?? undefined),
  }
  const weights = speaking(seededWeights(seed, 0.15), bpe, shape)
  return Buffer.concat([...encodeGguf({ metadata, tensors: tensorsOf(architecture, shape, type, weights) })])
}

const SPECIALS = { end: '<|endoftext|>', startOfTurn: '<|im_start|>', endOfTurn: '<|im_end|>' }

/** What is added to each token's logit: half characters and marks of turns do not come, words rather than letters. */
function leanings(bpe: Bpe): Float32Array {
  const [end, startOfTurn, endOfTurn] = idsOf(bpe)
  const all = Float32Array.from({ length: endOfTurn + 1 }, (_, id) => {
    const isByte = id < 256
    const isAscii = isByte && id >= 32 && id < 127
    return isByte ? (isAscii ? -2 : -16) : 0
  })
  all[end] = all[startOfTurn] = -16
  all[endOfTurn] = -1
  return all
}

/**
 * The first value of a token's vector is 1 and no block changes it, so that the output's first weights are added to the logits,
 * about as they are.
 */
function speaking(weights: Weights, bpe: Bpe, { width }: Shape): Weights {
  const leaning = leanings(bpe)
  return (name, dims) => {
    const fill = weights(name, dims)
    const row = dims[0]!
    return (into, start) => {
      fill(into, start)
      if (name === 'token_embd.weight') for (let at = 0; at < into.length; at++) into[at]! *= 3
      if (name === 'token_embd.weight') for (let at = 0; at < into.length; at += row) into[at] = 1
      if (name === 'position_embd.weight') for (let at = 0; at < into.length; at += row) into[at] = 0
      if (name === 'output.weight')
        for (let at = 0; at < into.length; at += row) into[at] = leaning[(start + at) / width]! / 4
      if (name.endsWith('attn_output.weight') || name.endsWith('ffn_down.weight')) into.fill(0, 0, row)
      if (name === 'output_norm.weight') into[0] = 4
    }
  }
}
