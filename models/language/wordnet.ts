import { fetchPackage, unpackPackage } from '../../enclave/scripts/release/debian.ts'
import lock from './debian.lock.json' with { type: 'json' }

export type Kind = 'noun' | 'verb' | 'adj' | 'adv'

/** A word's commonest sense among those of its kind. */
export type Sense = {
  word: string
  kind: Kind
  /** The synonym set's place in its file, which WordNet names it by. */
  synset: number
  definition: string
  examples: string[]
  /** A word for what it is a kind of, of nouns that have one. */
  broader: string | undefined
  /** How often the word stands, in any of its senses of this kind, in the texts that WordNet's authors marked. */
  count: number
}

type Synset = { words: string[]; definition: string; examples: string[]; broader: number | undefined }

const KINDS: readonly Kind[] = ['noun', 'verb', 'adj', 'adv']
const FOLDER = 'usr/share/wordnet'
const NUMBERS: Readonly<Record<string, Kind>> = { 1: 'noun', 2: 'verb', 3: 'adj', 4: 'adv', 5: 'adj' }

/** Every single word that those texts have, with its first sense (WordNet 3.0; formats in wndb(5) and cntlist(5)). */
export async function readWordnet(onProgress: (text: string) => void): Promise<Sense[]> {
  const deb = await fetchPackage(lock[0]!, { onProgress })
  const names = [...KINDS.flatMap(kind => [`data.${kind}`, `index.${kind}`]), 'cntlist.rev']
  const files = await unpackPackage(
    deb,
    names.map(name => `${FOLDER}/${name}`),
  )
  const linesOf = (name: string): string[] =>
    Buffer.from(files.get(`${FOLDER}/${name}`)!)
      .toString('latin1')
      .split('\n')
      .filter(line => line !== '' && !line.startsWith('  '))
  const counts = countsOf(linesOf('cntlist.rev'))
  return KINDS.flatMap(kind => sensesOf(kind, linesOf(`index.${kind}`), linesOf(`data.${kind}`), counts))
}

function sensesOf(kind: Kind, index: string[], data: string[], counts: Map<string, number>): Sense[] {
  const synsets = new Map(data.map(line => [Number(line.slice(0, 8)), synsetOf(line)]))
  return index.flatMap(line => {
    const [word = '', , senses, pointers, ...rest] = line.split(' ')
    const count = counts.get(`${kind} ${word}`) ?? 0
    if (count === 0 || !/^[a-z]+$/.test(word) || Number(senses) === 0) return []
    const offset = Number(rest[Number(pointers) + 2])
    const { words, definition, examples, broader } = synsets.get(offset)!
    const own = words.find(one => one.toLowerCase() === word) ?? word
    // A verb's is no kind of thing; examples may be of a synonym.
    const above = kind !== 'noun' || broader === undefined ? undefined : synsets.get(broader)!.words[0]
    const fitting = examples.filter(text =>
      text.toLowerCase().includes(word.slice(0, Math.max(3, word.length - 2))),
    )
    return [{ word: own, kind, synset: offset, definition, examples: fitting, broader: above, count }]
  })
}

/** `offset file type words word id … pointers symbol offset kind source/target … | definition; "example"`. */
function synsetOf(line: string): Synset {
  const [facts = '', gloss = ''] = line.split(' | ')
  const fields = facts.split(' ')
  const size = Number.parseInt(fields[3]!, 16)
  const words = Array.from({ length: size }, (_, i) => fields[4 + 2 * i]!.replace(/\(.*\)$/, ''))
  const pointers = fields.slice(5 + 2 * size)
  const at = pointers.indexOf('@')
  const [definition = '', ...quoted] = gloss.trim().split(/;?\s*"/)
  return {
    words: words.map(word => word.replaceAll('_', ' ')),
    definition: definition.trim(),
    examples: quoted.filter((text, i) => i % 2 === 0 && text.length > 10),
    broader: at === -1 ? undefined : Number(pointers[at + 1]),
  }
}

/** Lines are `lemma%type:…:: sense count`. */
function countsOf(lines: string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const line of lines) {
    const [key = '', , count] = line.split(' ')
    const [word, type = ''] = key.split('%')
    const name = `${NUMBERS[type[0]!]} ${word}`
    counts.set(name, (counts.get(name) ?? 0) + Number(count))
  }
  return counts
}
