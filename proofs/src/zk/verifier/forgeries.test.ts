import { concat } from '@nacre/verify/bytes'
import { beforeAll, expect, test } from 'vitest'
import { tinyEverything } from '../../../../vectors/zk/everything.ts'
import { type Proven, prove } from '../../../../vectors/zk/proven.ts'
import { publicWeightsId } from '../graph/hash.ts'
import { QUERIES } from '../graph/limits.ts'
import { answer, commit } from '../slow/commit.ts'
import { add, type K, ONE } from '../slow/field.ts'
import type { Cheat } from '../slow/prove.ts'
import { createTranscript, type Transcript } from './transcript.ts'
import { verifyWithTranscript } from './verify.ts'

/**
 * For each check of the verifier a proof of a false statement that only this check refuses: without it, it would be accepted. Two
 * are left out. `end` holds for every proof of the right length, and `lookup-denominators` fails with probability 2^-108 over
 * the prover's own challenges.
 */

/** What happens in a verification: messages, challenges and checks; a check that does not hold ends nothing here. */
type Event = { message: string } | { position: number } | { check: string; ok: boolean }

function eventsOf({ proof, statement }: Proven): Event[] {
  const events: Event[] = []
  const inner = createTranscript()
  const transcript: Transcript = {
    absorb(label, data) {
      events.push({ message: label })
      inner.absorb(label, data)
    },
    challenge(label) {
      const draw = inner.challenge(label)
      const position = (n: number): number => {
        const drawn = draw.position(n)
        events.push({ position: drawn })
        return drawn
      }
      return { ...draw, position }
    },
  }
  const checks = {
    made: [],
    ensure(check: string, ok: boolean) {
      events.push({ check, ok })
    },
  }
  verifyWithTranscript(proof, statement, transcript, { checks })
  return events
}

const failedOf = (proven: Proven): string[] =>
  eventsOf(proven).flatMap(event => ('check' in event && !event.ok ? [event.check] : []))

const tiny = tinyEverything()
const forge = (cheat: Cheat, mode: 0 | 1 = 0): Proven =>
  prove(tiny, mode, { failing: () => 'send', ...cheat })
const bump = (values: readonly K[], at: number): K[] => values.with(at, add(values[at]!, ONE))

/** The messages before each check: how many of each label, and the last one that is no round. */
type Place = { check: string; rounds: number; label: string; ordinal: number }
let places: Place[]

beforeAll(() => {
  const sent = new Map<string, number>()
  let label = ''
  places = eventsOf(prove(tiny, 0)).flatMap(event => {
    if ('message' in event) {
      sent.set(event.message, (sent.get(event.message) ?? 0) + 1)
      if (event.message !== 'round') label = event.message
    }
    if (!('check' in event)) return []
    return [{ check: event.check, rounds: sent.get('round') ?? 0, label, ordinal: sent.get(label)! - 1 }]
  })
})

test('a lie in the last round of a sumcheck, and the truth ever after', () => {
  const sums = places.filter(({ rounds }, i) => rounds > (places[i - 1]?.rounds ?? 0))
  expect(sums.length).toBeGreaterThan(18)
  for (const { check, rounds } of sums) {
    const lie = (label: string, ordinal: number, values: readonly K[]): readonly K[] =>
      label === 'round' && ordinal === rounds - 1 ? bump(values, 1) : values
    expect(failedOf(forge({ tamper: lie }))).toEqual([check])
  }
})

test('a lie that a sumcheck hands on to the equation behind it', () => {
  const equations = ['lookup-numerators', 'node-13-add', 'node-5-add', 'columns-row', 'weights-row']
  for (const equation of equations) {
    const before = places[places.findIndex(({ check }) => check === equation) - 1]!
    const lie = (label: string, ordinal: number, values: readonly K[]): readonly K[] =>
      label === 'round' && ordinal === before.rounds - 1 ? bump(values, 1) : values
    const failing = (label: string, ordinal: number): 'mend' | 'send' =>
      label === before.label && ordinal === before.ordinal ? 'mend' : 'send'
    expect(failedOf(forge({ tamper: lie, failing }))).toEqual([equation])
  }
})

test('an entry is counted that nobody looks up', () => {
  const multiplicities = (id: number, values: bigint[]): bigint[] =>
    id === 1 ? values.with(0, values[0]! + 1n) : values
  expect(failedOf(forge({ multiplicities }))).toEqual(['lookup-sum'])
})

test('a column that is not what was looked up', () => {
  const { layout } = prove(tiny, 0)
  const node = tiny.graph.nodes.findIndex(({ op }) => op === 'lookup')
  const func = layout.lookups.findLastIndex(lookup => lookup.node === node)
  let truth = 0n
  const cheat: Cheat = {
    columns(j, columns) {
      if (j !== node) return columns
      truth = columns.y0![0]!
      return { ...columns, y0: columns.y0!.with(0, truth === 0n ? 1n : 0n) }
    },
    triples: (lookup, triples) => (lookup === func ? triples.with(0, [triples[0]![0], truth, 0n]) : triples),
  }
  expect(failedOf(forge(cheat))).toEqual(['lookup-triples'])
})

test('another input', () => {
  const input = tiny.input.with(0, tiny.input[0]! === 1 ? 0 : 1)
  expect(failedOf(forge({ statement: { input } }))).toEqual(['input-0'])
})

test('other public weights', () => {
  tiny.weights.forEach((values, i) => {
    const at = values.findIndex(value => value !== 0)
    const weights = tiny.weights.with(i, values.with(at, 0))
    const cheat: Cheat = { failing: () => 'send', statement: { weightsId: publicWeightsId(tiny.weights) } }
    const forged = prove({ ...tiny, weights }, 1, cheat)
    const statement = { ...forged.statement, weights: { public: tiny.weights } }
    expect(failedOf({ ...forged, statement })).toEqual([`parameter-${i}`])
  })
})

test('another row, with the value of the true one', () => {
  for (const [ordinal, name] of ['columns', 'weights'].entries()) {
    const mine = (label: string, of: number): boolean => label === 'row' && of === ordinal
    const tamper = (label: string, of: number, values: readonly K[]): readonly K[] =>
      mine(label, of) ? bump(values, 1) : values
    const failing = (label: string, of: number): 'mend' | 'send' => (mine(label, of) ? 'mend' : 'send')
    expect(failedOf(forge({ tamper, failing }))).toEqual([`${name}-columns`])
  }
})

test('a root that is not of the columns', () => {
  for (const [which, name] of [
    ['D', 'columns'],
    ['W', 'weights'],
  ] as const) {
    let rows: bigint[][] = []
    const other = (matrix: 'D' | 'W', all: bigint[][]): bigint[][] => {
      if (matrix !== which) return all
      rows = all
      return all.with(0, all[0]!.with(0, all[0]![0]! + 1n))
    }
    const forged = forge({ commit: other })
    expect(failedOf(forged)).toEqual([`${name}-columns`])

    const truth = commit(rows)
    const positions = eventsOf(forged).flatMap(event => ('position' in event ? [event.position] : []))
    const mine = which === 'D' ? positions.slice(0, QUERIES) : positions.slice(QUERIES)
    const answers = mine.map(position => answer(truth, position))
    const size = answers[0]!.reduce((total, { length }) => total + length, 0)
    const end = which === 'W' ? forged.proof.length : forged.proof.length - sizeOfW(forged)
    const start = end - size * QUERIES
    const replaced = (at: number, bytes: Uint8Array): Uint8Array =>
      concat(forged.proof.subarray(0, at), bytes, forged.proof.subarray(at + bytes.length))

    const honest = concat(...truth.levels[6]!, ...answers.flat())
    expect(failedOf({ ...forged, proof: replaced(start - 2048, honest) })).toEqual([`${name}-root`])

    const proof = answers.reduce((bytes, [column], i) => {
      bytes.set(column!, start + i * size)
      return bytes
    }, forged.proof.slice())
    expect(failedOf({ ...forged, proof })).toEqual([`${name}-paths`])
  }
})

/** The bytes of W's nodes, columns and paths. */
function sizeOfW({ layout }: Proven): number {
  const { rows, c } = layout.W!
  return 2048 + QUERIES * (4 * rows + 32 * (c - 4))
}
