import type { Bpe } from './bpe.ts'
import type { Value } from './write.ts'

/** Tokens that no text becomes, after those of the encoding, and what they are for. */
export type Special = { end: string; startOfTurn: string; endOfTurn: string }

/** Metadata of a tokenizer: `specials` get the ids after the encoding's. Their `end` is also what begins a text. */
export function tokenizerMetadata(bpe: Bpe, specials: Special, chatTemplate?: string): Record<string, Value> {
  const tokens = [...bpe.tokens, specials.end, specials.startOfTurn, specials.endOfTurn]
  const [end, , endOfTurn] = idsOf(bpe)
  return {
    'tokenizer.ggml.model': { string: 'gpt2' },
    'tokenizer.ggml.pre': { string: 'gpt-2' },
    'tokenizer.ggml.tokens': { strings: tokens },
    // 1 is a normal token, 3 a control one.
    'tokenizer.ggml.token_type': { i32s: tokens.map((_, id) => (id < bpe.tokens.length ? 1 : 3)) },
    'tokenizer.ggml.merges': { strings: bpe.merges },
    'tokenizer.ggml.bos_token_id': { u32: end },
    'tokenizer.ggml.eos_token_id': { u32: chatTemplate === undefined ? end : endOfTurn },
    'tokenizer.ggml.eot_token_id': { u32: endOfTurn },
    'tokenizer.ggml.add_bos_token': { bool: true },
    ...(chatTemplate === undefined ? {} : { 'tokenizer.chat_template': { string: chatTemplate } }),
  }
}

/** Ids of end, start of turn and end of turn. */
export function idsOf({ tokens }: Bpe): [end: number, startOfTurn: number, endOfTurn: number] {
  return [tokens.length, tokens.length + 1, tokens.length + 2]
}
