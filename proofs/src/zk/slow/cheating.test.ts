import { describe, expect, test } from 'vitest'
import type { Statement } from '../graph/graph.ts'
import { createBuilder, type Parameter } from '../import/builder.ts'
import { verifyZk } from '../verifier/verify.ts'
import { add, inverse, type K, mul, ONE, P, toK } from './field.ts'
import { type Cheat, proveSlowly, type SlowStatement } from './prove.ts'

/**
 * Cheating provers, each against the verifier (docs/zk-soundness.md, section 9). A lie can be mended, message by message, so that
 * each check of it holds; then only what the prover cannot choose is left to catch it: input, weights, or the queries.
 */

const weights = (dims: number[], values: number[]): Parameter => ({ dims, values: Int32Array.from(values) })
const FIRST = [3, -2, 5, 1, -4, 6, 2, -1, 7, 0, -3, 2, 1, 1, -5, 4]
const SECOND = [2, -7, 1, 1, 5, -1, 4, 0, -6, 2, 2, -3, 1, 8, -2, 1]

/** Two dense layers of one shape, a narrow and a wide lookup, both maxima; batch 3, so that there is padding. */
function statement(): SlowStatement {
  const builder = createBuilder({ dims: [4], lo: -7, hi: 7 })
  const first = builder.dense(0, weights([4, 4], FIRST), weights([4], [1, -2, 3, 4]))
  const relu = builder.lookup(first, 1, 3, { clamp: [0, 7] })
  const second = builder.dense(relu, weights([4, 4], SECOND))
  const clamped = builder.lookup(second, 1, 0, { clamp: [-1, 2] })
  const largest = builder.max(clamped, 1)
  const { graph, weights: values } = builder.finish([second, largest, builder.argmax(clamped)])
  // The builder takes a narrow lookup where it can; a wide one is as valid: |q| < 256, windows of 4.
  const wide = graph.nodes[clamped - 1]!
  if (wide.op === 'lookup') Object.assign(wide, { wide: true, width: 6 })
  const input = Int32Array.from([7, -7, 3, 2, 0, 5, -1, 4, 0, 0, 0, 0])
  return { graph, weights: values, batch: 3, input, mode: 0 }
}

const NODE = { relu: 1, wide: 3, max: 4, argmax: 5 }

/** "accepted", the check that fails, or the code of an error, for what a cheating prover sends. */
function judge(cheat: Cheat, says: Partial<Statement> = {}, runs: Partial<SlowStatement> = {}): string {
  const honest = { ...statement(), ...(runs.mode !== undefined && { mode: runs.mode }) }
  const { proof, outputs } = proveSlowly({ ...honest, ...runs }, cheat)
  const { graph, batch, mode } = honest
  const weightsSaid = mode === 0 ? { id: HONEST.weightsId } : { public: honest.weights }
  const claimed = {
    graph,
    batch,
    input: Int32Array.from(honest.input),
    weights: weightsSaid,
    ...cheat.statement,
  }
  try {
    const full = { ...claimed, outputs: cheat.statement?.outputs ?? outputs, ...says } as Statement
    const { ok, checks } = verifyZk(proof, full)
    return ok ? 'accepted' : checks.at(-1)!.name
  } catch (error) {
    return (error as { code: string }).code
  }
}

let honestRows: bigint[][] = []
const HONEST = proveSlowly(statement(), {
  commit(matrix, rows) {
    if (matrix === 'W') honestRows = rows
    return rows
  },
})
/** A row whose maximum is not the largest of the range. */
const LESS = HONEST.outputs[1]!.findIndex(value => value < 2)
const mended = (): 'mend' => 'mend'
const sent = (): 'send' => 'send'
const plusOne = (values: readonly bigint[], at: number, by = 1n): bigint[] =>
  values.with(at, (values[at]! + by + P) % P)

test('nothing is refused without a lie', () => {
  expect(judge({})).toBe('accepted')
  expect(judge({}, {}, { mode: 1 })).toBe('accepted')
})

describe('columns that are not the honest ones, each lie mended and not', () => {
  const column = (
    node: number,
    name: 'r0' | 'e' | 'c' | 'y0' | 'M' | 'J' | 'z',
    change: (v: bigint[]) => bigint[],
  ): Cheat => ({
    columns: (j, columns) => (j === node ? { ...columns, [name]: change(columns[name]!) } : columns),
  })
  const both = (...cheats: Cheat[]): Cheat => ({
    columns: (j, columns) => cheats.reduce((made, cheat) => cheat.columns!(j, made), columns),
  })
  const cases: Record<string, Cheat> = {
    'an activation that is not that of its sum': column(NODE.relu, 'y0', v => plusOne(v, 0)),
    'a remainder of 8 more, the quotient one less': column(NODE.relu, 'r0', v => plusOne(v, 0, 8n)),
    'a remainder that leaves a fraction': column(NODE.relu, 'r0', v => plusOne(v, 1)),
    'a padded element that is not zero': column(NODE.relu, 'y0', v => plusOne(v, 15)),
    'saturation at the wrong end': both(
      column(NODE.wide, 'c', v => v.map(c => (P - c) % P)),
      column(NODE.wide, 'y0', v => v.map(y => (y === 2n ? P - 1n : y === P - 1n ? 2n : y))),
    ),
    'an offset in the window, shifted with it': column(NODE.wide, 'e', v => plusOne(v, 0, 4n)),
    'a maximum that is too large': both(
      column(NODE.max, 'M', v => plusOne(v, LESS)),
      column(NODE.max, 'z', v => v.map((z, i) => (Math.floor(i / 4) === LESS ? 1n : z))),
    ),
    'a maximum that is too small': column(NODE.max, 'M', v => plusOne(v, 0, -1n)),
    'an element said to be less than the maximum': column(NODE.max, 'z', v => v.with(v.indexOf(0n), 1n)),
    'the other index of a tie': column(NODE.argmax, 'J', v => plusOne(v, 0, -1n)),
    'a later index with its own key': both(
      column(NODE.argmax, 'J', v => plusOne(v, 0, -1n)),
      column(NODE.argmax, 'M', v => plusOne(v, 0, -1n)),
    ),
  }
  test.each(Object.entries(cases))('%s', (_, cheat) => {
    expect(judge({ ...cheat, failing: sent })).toBe('lookup-sum')
    expect(judge({ ...cheat, failing: mended })).toMatch(/^(zk-value-out-of-range|columns-columns)$/)
  })
})

describe('multiplicities', () => {
  const cases: Record<string, Cheat> = {
    'one too many': { multiplicities: (id, values) => (id === 2 ? plusOne(values, 5) : values) },
    'moved from one entry to another': {
      multiplicities: (id, values) => (id === 1 ? plusOne(plusOne(values, 0), 1, -1n) : values),
    },
    'counted for another entry than an element that is none': {
      columns: (j, columns) => (j === NODE.relu ? { ...columns, y0: plusOne(columns.y0!, 0) } : columns),
      multiplicities: (id, values) => (id === 2 ? plusOne(values, 3) : values),
    },
  }
  test.each(Object.entries(cases))('%s', (_, cheat) => {
    expect(judge({ ...cheat, failing: sent })).toBe('lookup-sum')
    expect(judge({ ...cheat, failing: mended })).toBe('columns-columns')
  })
})

describe('messages', () => {
  const tamper = (label: string, ordinal: number, change: (values: readonly K[]) => readonly K[]): Cheat => ({
    tamper: (l, o, values) => (l === label && o === ordinal ? change(values) : values),
  })
  const first = (values: readonly K[]): readonly K[] => values.with(0, add(values[0]!, ONE))
  const split = ([a, b]: readonly K[]): K[] => [mul(a!, toK(2)), mul(b!, inverse(toK(2)))]

  test('other factors of the same product', () => {
    for (const ordinal of [0, 1]) {
      expect(judge({ ...tamper('factors', ordinal, split), failing: sent })).toMatch(
        /^(columns-values|input-0)$/,
      )
      expect(judge({ ...tamper('factors', ordinal, split), failing: mended })).toMatch(
        /^(columns-columns|input-0)$/,
      )
    }
  })

  test('a bias that is not the layer’s', () => {
    expect(judge({ ...tamper('bias', 0, first), failing: mended })).toMatch(/^(input-0|weights-columns)$/)
  })

  test('a round of another polynomial', () => {
    expect(judge({ ...tamper('round', 3, first), failing: sent })).toBe('lookup-layer-3')
    expect(judge({ ...tamper('round', 3, first), failing: mended })).toBe('columns-columns')
  })

  test('values that the columns do not have', () => {
    const remainder = tamper('values', 0, values => values.with(1, add(values[1]!, ONE)))
    expect(judge({ ...remainder, failing: sent })).toBe('lookup-triples')
    expect(judge({ ...remainder, failing: mended })).toMatch(/^(input-0|columns-columns)$/)
  })

  test.each([
    ['columns', 0],
    ['weights', 1],
  ])('%s: an opened value with a row to match, a row of another vector', (name, ordinal) => {
    const onlyRow = (label: string): 'mend' | 'send' => (label === 'row' ? 'mend' : 'send')
    expect(judge({ ...tamper('value', ordinal, first), failing: onlyRow })).toBe(`${name}-values`)
    expect(judge({ ...tamper('row', ordinal, first), failing: sent })).toBe(`${name}-row`)
    const other = tamper('row', ordinal, values => values.map((_, i) => toK(i * i + 1)))
    expect(judge({ ...other, failing: mended })).toBe(`${name}-columns`)
  })
})

describe('commitments', () => {
  test.each(['D', 'W'] as const)('another matrix %s than the proof is about', matrix => {
    const commit: Cheat['commit'] = (name, rows) =>
      name === matrix ? rows.map((row, i) => (i === 0 ? plusOne(row, 2) : row)) : rows
    const said = { weightsId: HONEST.weightsId }
    expect(judge({ commit, statement: said })).toBe(matrix === 'D' ? 'columns-columns' : 'weights-root')
  })

  test('a matrix of fewer rows', () => {
    expect(judge({ commit: (name, rows) => (name === 'D' ? rows.slice(1) : rows) })).toBe('zk-proof-size')
  })

  test.each([
    ['D', 'columns'],
    ['W', 'weights'],
  ])('the column of another position of %s', (matrix, name) => {
    expect(judge({ answer: (m, position) => (m === matrix ? position ^ 1 : position) })).toBe(`${name}-paths`)
  })
})

describe('another statement than what was run', () => {
  const { weights: own, input, batch } = statement()
  const swapped = own.map((_, i) => (i === 0 ? own[2]! : i === 2 ? own[0]! : own[i]!))

  test('layers swapped, under the model’s root', () => {
    const says = { weightsId: HONEST.weightsId }
    expect(judge({ statement: says, failing: mended }, {}, { weights: swapped })).toBe('weights-root')
  })

  test('layers swapped, the model’s own matrix opened', () => {
    const commit: Cheat['commit'] = (name, rows) => (name === 'W' ? honestRows : rows)
    expect(judge({ commit }, {}, { weights: swapped })).toBe('weights-columns')
  })

  test('layers swapped, the weights public', () => {
    const { graph } = statement()
    expect(graph.parameters).toHaveLength(3)
    expect(judge({}, { weights: { public: own } }, { weights: swapped, mode: 1 })).toMatch(/^lookup/)
  })

  test('the batch reordered: inputs, or outputs', () => {
    const rows = (values: ArrayLike<number>, width: number): number[][] =>
      Array.from({ length: batch }, (_, b) => Array.from(values).slice(b * width, (b + 1) * width))
    const turned = Int32Array.from(rows(input, 4).toReversed().flat())
    const says = { input: Int32Array.from(input), weightsId: HONEST.weightsId }
    expect(judge({ statement: says, failing: mended }, {}, { input: turned })).toBe('input-0')
    const outputs = HONEST.outputs.map((values, i) =>
      Int32Array.from(
        rows(values, i === 0 ? 4 : 1)
          .toReversed()
          .flat(),
      ),
    )
    expect(judge({ statement: { outputs }, failing: sent })).toBe('node-2-dense-merged')
    expect(judge({ statement: { outputs }, failing: mended })).toBe('columns-columns')
  })

  test('another model’s identity', () => {
    expect(judge({}, { weights: { id: new Uint8Array(32) } })).toMatch(/^lookup/)
  })
})

describe('a lie is mended up to one message and dropped there: that check alone refuses', () => {
  /** The check that refuses, for each number of messages that are mended. */
  function sweep(cheat: Cheat): string[] {
    const found: string[] = []
    for (let mends = 0; mends < 40; mends++) {
      let left = mends
      const failed = judge({ ...cheat, failing: () => (left-- > 0 ? 'mend' : 'send') })
      if (found.at(-1) === failed) break
      found.push(failed)
    }
    return found
  }

  test('an output', () => {
    const outputs = HONEST.outputs.map((values, i) => (i === 0 ? values.with(0, values[0]! + 1) : values))
    expect(sweep({ statement: { outputs } })).toEqual([
      'node-2-dense-merged',
      'node-2-dense',
      'columns-values',
      'columns-row',
      'columns-columns',
    ])
  })

  test('a multiplicity', () => {
    const layers = Array.from({ length: HONEST.layout.nu - 1 }, (_, k) => `lookup-layer-${k + 1}`)
    const multiplicities: Cheat['multiplicities'] = (id, values) => (id === 2 ? plusOne(values, 5) : values)
    expect(sweep({ multiplicities })).toEqual([
      'lookup-sum',
      ...layers,
      'lookup-numerators',
      'columns-values',
      'columns-row',
      'columns-columns',
    ])
  })
})
