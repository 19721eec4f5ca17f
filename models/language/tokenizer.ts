import type { Bpe } from '../gguf/bpe.ts'
import type { Value } from '../gguf/write.ts'

/** Tokens of the model that no text becomes, after the encoding's. */
export const SPECIALS = ['<|begin|>', '<|user|>', '<|assistant|>', '<|end|>'] as const

/** Turns as the model has learned them; it has learned no other roles, and what a system message says would confuse it. */
const TEMPLATE =
  "{{ bos_token }}{% for message in messages %}{% if message.role == 'user' %}<|user|>{{ message.content }}" +
  "{% elif message.role == 'assistant' %}<|assistant|>{{ message.content }}<|end|>{% endif %}{% endfor %}" +
  '{% if add_generation_prompt %}<|assistant|>{% endif %}'

/** Ids of SPECIALS. */
export function specialIds({ tokens }: Bpe): [begin: number, user: number, assistant: number, end: number] {
  return [tokens.length, tokens.length + 1, tokens.length + 2, tokens.length + 3]
}

export function wordsTokenizer(bpe: Bpe): Record<string, Value> {
  const [begin, , , end] = specialIds(bpe)
  const tokens = [...bpe.tokens, ...SPECIALS]
  return {
    'tokenizer.ggml.model': { string: 'gpt2' },
    'tokenizer.ggml.pre': { string: 'gpt-2' },
    'tokenizer.ggml.tokens': { strings: tokens },
    // 1 is a normal token, 3 a control one.
    'tokenizer.ggml.token_type': { i32s: tokens.map((_, id) => (id < bpe.tokens.length ? 1 : 3)) },
    'tokenizer.ggml.merges': { strings: bpe.merges },
    'tokenizer.ggml.bos_token_id': { u32: begin },
    'tokenizer.ggml.eos_token_id': { u32: end },
    'tokenizer.ggml.add_bos_token': { bool: true },
    'tokenizer.chat_template': { string: TEMPLATE },
  }
}
