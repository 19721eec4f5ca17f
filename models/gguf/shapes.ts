import type { TensorType } from './quantise.ts'
import type { Tensor, Value } from './write.ts'

/** A transformer's sizes. `width / heads` is even; `width` and `hidden` are whole blocks of the form of the weights. */
export type Shape = {
  vocabulary: number
  context: number
  width: number
  hidden: number
  layers: number
  heads: number
  /** Of keys and values; GPT-2 has as many as `heads`. */
  keyHeads: number
  /** Whether the embeddings are also the output's weights. */
  tied: boolean
}

/** The values of a tensor by its name and dims. */
export type Weights = (name: string, dims: readonly number[]) => Tensor['fill']

export type Architecture = 'llama' | 'gpt2'

export const LLAMA_EPSILON = 1e-5

/** Metadata that llama.cpp reads a shape from. */
export function shapeMetadata(architecture: Architecture, shape: Shape): Record<string, Value> {
  const own: Record<string, Value> =
    architecture === 'llama'
      ? {
          'llama.vocab_size': { u32: shape.vocabulary },
          'llama.attention.head_count_kv': { u32: shape.keyHeads },
          'llama.attention.layer_norm_rms_epsilon': { f32: LLAMA_EPSILON },
          'llama.rope.dimension_count': { u32: shape.width / shape.heads },
          'llama.rope.freq_base': { f32: 10000 },
        }
      : { 'gpt2.attention.layer_norm_epsilon': { f32: 1e-5 } }
  return {
    'general.architecture': { string: architecture },
    [`${architecture}.context_length`]: { u32: shape.context },
    [`${architecture}.embedding_length`]: { u32: shape.width },
    [`${architecture}.feed_forward_length`]: { u32: shape.hidden },
    [`${architecture}.block_count`]: { u32: shape.layers },
    [`${architecture}.attention.head_count`]: { u32: shape.heads },
    ...own,
  }
}

/** Value of `general.file_type` of a file whose matrices have this form (llama.h, llama_ftype). */
export const FILE_TYPES: Readonly<Record<TensorType, number>> = { f32: 0, f16: 1, q4_0: 2, q8_0: 7 }

/** The tensors of a shape: matrices in `type`, everything else in float32. */
export function tensorsOf(
  architecture: Architecture,
  shape: Shape,
  type: TensorType,
  weights: Weights,
): Tensor[] {
  const tensor = (name: string, ...dims: number[]): Tensor => ({
    name,
    dims,
    type: dims.length > 1 && name !== 'position_embd.weight' ? type : 'f32',
    fill: weights(name, dims),
  })
  const blockOf = architecture === 'llama' ? llamaBlock : gpt2Block
  return [
    tensor('token_embd.weight', shape.width, shape.vocabulary),
    ...(architecture === 'llama' ? [] : [tensor('position_embd.weight', shape.width, shape.context)]),
    ...Array.from({ length: shape.layers }, (_, layer) =>
      blockOf(shape).map(([name, ...dims]) => tensor(`blk.${layer}.${name}`, ...dims)),
    ).flat(),
    tensor('output_norm.weight', shape.width),
    ...(architecture === 'llama' ? [] : [tensor('output_norm.bias', shape.width)]),
    ...(shape.tied ? [] : [tensor('output.weight', shape.width, shape.vocabulary)]),
  ]
}

type Named = [name: string, ...dims: number[]]

/** RMSNorm, rotary positions (neighbouring values turn together), SwiGLU. */
function llamaBlock({ width, hidden, heads, keyHeads }: Shape): Named[] {
  const keys = (width / heads) * keyHeads
  return [
    ['attn_norm.weight', width],
    ['attn_q.weight', width, width],
    ['attn_k.weight', width, keys],
    ['attn_v.weight', width, keys],
    ['attn_output.weight', width, width],
    ['ffn_norm.weight', width],
    ['ffn_gate.weight', width, hidden],
    ['ffn_up.weight', width, hidden],
    ['ffn_down.weight', hidden, width],
  ]
}

/** LayerNorm, learned positions, GELU. */
function gpt2Block({ width, hidden }: Shape): Named[] {
  return [
    ['attn_norm.weight', width],
    ['attn_norm.bias', width],
    ['attn_qkv.weight', width, 3 * width],
    ['attn_qkv.bias', 3 * width],
    ['attn_output.weight', width, width],
    ['attn_output.bias', width],
    ['ffn_norm.weight', width],
    ['ffn_norm.bias', width],
    ['ffn_up.weight', width, hidden],
    ['ffn_up.bias', hidden],
    ['ffn_down.weight', hidden, width],
    ['ffn_down.bias', width],
  ]
}
