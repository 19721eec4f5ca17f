/** Byte-level byte pair encoding as GPT-2 has it (Radford et al., 2019; Sennrich, Haddow and Birch, 2016). */
export type Bpe = {
  /** By id: the 256 bytes in GPT-2's letters, then what each merge makes. */
  tokens: readonly string[]
  /** Pairs with a space between, the earliest first. */
  merges: readonly string[]
}

/** What llama.cpp's pre-tokenizer `gpt-2` splits text into before it merges. */
const PIECES = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu

/** A letter for each byte: the printable ones of Latin-1 stand for themselves. */
const LETTERS: readonly string[] = lettersOf()

/** Learns `size` - 256 merges, or fewer where nothing repeats: each the commonest pair, of equals the one that sorts first. */
export function trainBpe(texts: Iterable<string>, size: number): Bpe {
  const words = countWords(texts)
  const merges: string[] = []
  const tokens = [...LETTERS]
  const pairs = new Pairs(words)
  while (tokens.length < size) {
    const best = pairs.commonest()
    if (best === undefined) break
    merges.push(best)
    tokens.push(best.replace(' ', ''))
    pairs.merge(best)
  }
  return { tokens, merges }
}

/** Text to ids. Not for special tokens, which are no text. */
export function createEncoder({ tokens, merges }: Bpe): (text: string) => number[] {
  const ids = new Map(tokens.map((token, id) => [token, id]))
  const ranks = new Map(merges.map((pair, rank) => [pair, rank]))
  const known = new Map<string, number[]>()
  const encodeWord = (word: string): number[] => {
    let parts = letters(word)
    while (parts.length > 1) {
      const best = earliest(parts, ranks)
      if (best === undefined) break
      parts = join(parts, best)
    }
    return parts.map(part => ids.get(part)!)
  }
  return text => {
    const all: number[] = []
    for (const [word] of text.matchAll(PIECES)) {
      const encoded = known.get(word) ?? encodeWord(word)
      known.set(word, encoded)
      all.push(...encoded)
    }
    return all
  }
}

type Word = { parts: string[]; count: number }

/** How often each pair stands in the words, and in which: a merge changes only the words that have it. */
class Pairs {
  readonly #counts = new Map<string, number>()
  readonly #words = new Map<string, Set<Word>>()

  constructor(words: Word[]) {
    for (const word of words) this.#count(word, 1)
  }

  commonest(): string | undefined {
    let best: string | undefined
    let most = 1
    for (const [pair, count] of this.#counts)
      if (count > most || (count === most && best !== undefined && pair < best)) {
        best = pair
        most = count
      }
    return best
  }

  merge(pair: string): void {
    for (const word of [...(this.#words.get(pair) ?? [])]) {
      this.#count(word, -1)
      word.parts = join(word.parts, pair)
      this.#count(word, 1)
    }
  }

  #count(word: Word, sign: 1 | -1): void {
    for (let i = 1; i < word.parts.length; i++) {
      const pair = `${word.parts[i - 1]} ${word.parts[i]}`
      const count = (this.#counts.get(pair) ?? 0) + sign * word.count
      if (count === 0) this.#counts.delete(pair)
      else this.#counts.set(pair, count)
      const holders = this.#words.get(pair) ?? new Set()
      this.#words.set(pair, sign === 1 ? holders.add(word) : holders)
      if (sign === -1) holders.delete(word)
    }
  }
}

function countWords(texts: Iterable<string>): Word[] {
  const counts = new Map<string, number>()
  for (const text of texts)
    for (const [word] of text.matchAll(PIECES)) counts.set(word, (counts.get(word) ?? 0) + 1)
  return [...counts].map(([word, count]) => ({ parts: letters(word), count }))
}

function earliest(parts: string[], ranks: ReadonlyMap<string, number>): string | undefined {
  let best: string | undefined
  let least = Number.POSITIVE_INFINITY
  for (let i = 1; i < parts.length; i++) {
    const pair = `${parts[i - 1]} ${parts[i]}`
    const rank = ranks.get(pair)
    if (rank !== undefined && rank < least) [best, least] = [pair, rank]
  }
  return best
}

/** The parts with each such pair made one, from the left. */
function join(parts: string[], pair: string): string[] {
  const joined: string[] = []
  for (let i = 0; i < parts.length; i++) {
    const isPair = i + 1 < parts.length && `${parts[i]} ${parts[i + 1]}` === pair
    joined.push(isPair ? `${parts[i]}${parts[++i]}` : parts[i]!)
  }
  return joined
}

function letters(word: string): string[] {
  return Array.from(Buffer.from(word), byte => LETTERS[byte]!)
}

function lettersOf(): string[] {
  let others = 0
  return Array.from({ length: 256 }, (_, byte) => {
    const isPrintable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte !== 173)
    return String.fromCodePoint(isPrintable ? byte : 256 + others++)
  })
}
