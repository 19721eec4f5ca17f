import type { Bpe } from '../gguf/bpe.ts'
import { createEncoder, trainBpe } from '../gguf/bpe.ts'
import { createRandom, permutation, type Random } from '../train/random.ts'
import { SPECIALS, specialIds } from './tokenizer.ts'
import { definitionTurn, otherTurn, ownTurn, type Turn } from './turns.ts'
import type { Sense } from './wordnet.ts'

export type Corpus = {
  bpe: Bpe
  /** Rows of `context` + 1 tokens, conversations; the highest bit marks tokens of answers. */
  all: Uint16Array
  common: Uint16Array
  heldOut: Uint16Array
  /** The turns of the held-out rows. */
  heldOutTurns: Turn[]
}

const ANSWER = 0x8000

/** Synonym sets whose number ends in 00 or 50 are held out: none of their words' turns are learned from. */
export function isHeldOut({ synset }: Sense): boolean {
  return synset % 50 === 0
}

/**
 * Conversations of independent turns. Of all words: one that stands c times in the marked texts has 1 + log2(c) turns, rounded down,
 * of which three quarters ask for its definition. Of the common ones, those that stand there at least `common` times: each has two
 * turns for its definition and one of another kind. A hundredth of the turns are of the model itself. The same seed, the same rows.
 */
export function buildCorpus(
  senses: Sense[],
  size: { vocabulary: number; context: number; common: number },
  seed: number,
): Corpus {
  const random = createRandom(seed)
  const learned = senses.filter(sense => !isHeldOut(sense))
  const all = withOwn(
    learned.flatMap(sense => turnsOf(sense, random)),
    random,
  )
  const heldOutTurns = senses.filter(isHeldOut).map(sense => definitionTurn(sense, random))
  const texts = all.flatMap(({ question, answer }) => [question, answer])
  const bpe = trainBpe(texts, size.vocabulary - SPECIALS.length)
  const orderOfAll = permutation(all.length, random)
  const common = withOwn(
    learned
      .filter(({ count }) => count >= size.common)
      .flatMap(sense => [
        definitionTurn(sense, random),
        definitionTurn(sense, random),
        otherTurn(sense, random),
      ]),
    random,
  )
  const orderOfCommon = permutation(common.length, random)
  return {
    bpe,
    all: rowsOf(
      Array.from(orderOfAll, i => all[i]!),
      bpe,
      size.context,
    ),
    common: rowsOf(
      Array.from(orderOfCommon, i => common[i]!),
      bpe,
      size.context,
    ),
    heldOut: rowsOf(heldOutTurns, bpe, size.context),
    heldOutTurns,
  }
}

function withOwn(turns: Turn[], random: Random): Turn[] {
  return [...turns, ...Array.from({ length: Math.ceil(turns.length / 100) }, () => ownTurn(random))]
}

function turnsOf(sense: Sense, random: Random): Turn[] {
  const number = 1 + Math.floor(Math.log2(sense.count))
  return Array.from({ length: number }, () =>
    random.uniform() < 0.75 ? definitionTurn(sense, random) : otherTurn(sense, random),
  )
}

/** As many whole turns a row as fit; the rest of it is `end`, which counts for nothing there. */
function rowsOf(turns: Turn[], bpe: Bpe, context: number): Uint16Array {
  const encode = createEncoder(bpe)
  const [begin, user, assistant, end] = specialIds(bpe)
  const rows: number[][] = []
  let row = [begin]
  const finish = (): void => {
    rows.push([...row, ...Array<number>(context + 1 - row.length).fill(end)])
    row = [begin]
  }
  for (const { question, answer } of turns) {
    const answered = [...encode(answer), end].map(token => token | ANSWER)
    const turn = [user, ...encode(question), assistant, ...answered]
    if (turn.length > context) continue
    if (row.length + turn.length > context + 1) finish()
    row.push(...turn)
  }
  finish()
  return Uint16Array.from(rows.flat())
}
