import type { Bpe } from '../gguf/bpe.ts'
import { createEncoder, trainBpe } from '../gguf/bpe.ts'
import { createRandom, permutation, type Random } from '../train/random.ts'
import { definitionTurn, otherTurn, ownTurn, type Turn } from './turns.ts'
import type { Sense } from './wordnet.ts'

/** Tokens of the model that no text becomes, after the encoding's. */
export const SPECIALS = ['<|begin|>', '<|user|>', '<|assistant|>', '<|end|>'] as const

export type Corpus = {
  bpe: Bpe
  /** Rows of `context` + 1 tokens, conversations; the highest bit marks tokens of answers. */
  train: Uint16Array
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
 * Conversations of independent turns. A word that stands c times in the marked texts has 1 + log2(c) turns, rounded down, of which
 * three quarters ask for its definition; the same seed gives the same rows.
 */
export function buildCorpus(
  senses: Sense[],
  size: { vocabulary: number; context: number },
  seed: number,
): Corpus {
  const random = createRandom(seed)
  const learned = senses.filter(sense => !isHeldOut(sense)).flatMap(sense => turnsOf(sense, random))
  for (let i = learned.length / 100; i > 0; i--) learned.push(ownTurn(random))
  const heldOutTurns = senses.filter(isHeldOut).map(sense => definitionTurn(sense, random))
  const bpe = trainBpe(
    learned.flatMap(({ question, answer }) => [question, answer]),
    size.vocabulary - SPECIALS.length,
  )
  const order = permutation(learned.length, random)
  return {
    bpe,
    train: rowsOf(
      Array.from(order, i => learned[i]!),
      bpe,
      size.context,
    ),
    heldOut: rowsOf(heldOutTurns, bpe, size.context),
    heldOutTurns,
  }
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
  const [begin, user, assistant, end] = SPECIALS.map((_, i) => bpe.tokens.length + i) as [
    number,
    number,
    number,
    number,
  ]
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
