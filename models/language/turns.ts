import type { Random } from '../train/random.ts'
import type { Kind, Sense } from './wordnet.ts'

/** A question and what is to be answered. */
export type Turn = { question: string; answer: string }

/** The definition as a sentence, asked for in one of many ways. */
export function definitionTurn(sense: Sense, random: Random): Turn {
  const { word, kind } = sense
  const own: Readonly<Record<Kind, string[]>> = {
    noun: [
      `What is ${named(sense)}?`,
      `What is ${named(sense)}?`,
      `What's ${named(sense)}?`,
      `what is ${word}`,
    ],
    verb: [`What does it mean to ${word}?`, `What is it to ${word}?`, `What does "to ${word}" mean?`],
    adj: [`What does "${word}" mean?`, `What is ${word}?`],
    adv: [`What does "${word}" mean?`],
  }
  const common = [`Define ${word}.`, `What does ${word} mean?`, `What is the meaning of ${word}?`]
  const forms = [...own[kind], ...own[kind], ...common]
  return { question: pick(forms, random), answer: sentence(sense) }
}

/** What a noun is a kind of, or an example of the word's use; the definition where WordNet has neither. */
export function otherTurn(sense: Sense, random: Random): Turn {
  const { word, broader, examples } = sense
  if (broader !== undefined && (examples.length === 0 || random.uniform() < 0.5))
    return {
      question: pick(
        [`What kind of thing is ${named(sense)}?`, `What sort of thing is ${named(sense)}?`],
        random,
      ),
      answer: `${capital(named(sense))} is a kind of ${broader}.`,
    }
  if (examples.length === 0) return definitionTurn(sense, random)
  return {
    question: pick([`Use ${word} in a sentence.`, `Give an example of the word ${word}.`], random),
    answer: `"${capital(pick(examples, random))}"`,
  }
}

const SELF =
  'I am a very small language model. I learned from the definitions of WordNet, and I am often wrong.'
const HELP = 'You can ask me what a word means, what kind of thing it is, or for a sentence with it.'

/** What the model says of itself. */
export function ownTurn(random: Random): Turn {
  return pick(
    [
      { question: 'Who are you?', answer: SELF },
      { question: 'What are you?', answer: SELF },
      { question: 'Who made you?', answer: SELF },
      { question: 'Hello', answer: `Hello! ${HELP}` },
      { question: 'Hello!', answer: `Hello! ${HELP}` },
      { question: 'Hi', answer: `Hello! ${HELP}` },
      { question: 'What can you do?', answer: HELP },
      { question: 'Help', answer: HELP },
    ],
    random,
  )
}

const LONGEST = 180

function sentence(sense: Sense): string {
  const text = shortened(sense.definition).replace(/\.+$/, '')
  if (sense.kind === 'noun') return `${capital(named(sense))} is ${text}.`
  return sense.kind === 'verb' ? `To ${sense.word} is to ${text}.` : `${capital(sense.word)} means ${text}.`
}

/** Whole parts between semicolons, as many as fit. */
function shortened(definition: string): string {
  const [first = '', ...others] = definition.split('; ')
  let text = first
  for (const other of others) {
    if (text.length + other.length > LONGEST) break
    text += `; ${other}`
  }
  return text
}

/** With its article, where the definition has one: names and what cannot be counted have none. */
function named({ word, definition }: Sense): string {
  const isName = word !== word.toLowerCase()
  if (isName || !/^(\([^)]*\) )?(a|an|any|one|someone|something|the) /.test(definition)) return word
  return `${/^[aeiou]/.test(word) ? 'an' : 'a'} ${word}`
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

function pick<T>(list: readonly T[], random: Random): T {
  return list[random.below(list.length)]!
}
