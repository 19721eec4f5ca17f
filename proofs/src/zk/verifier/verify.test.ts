import { concat } from '@nacre/verify/bytes'
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { tinyEverything } from '../../../../vectors/zk/everything.ts'
import { type Proven, prove } from '../../../../vectors/zk/proven.ts'
import { tinyAttention, tinyPictures, tinyRegression } from '../../../../vectors/zk/tiny.ts'
import type { Graph, Node, Statement } from '../graph/graph.ts'
import { P } from '../graph/limits.ts'
import { createTranscript, type Transcript } from './transcript.ts'
import { ensureProven, verifyWithTranscript, verifyZk } from './verify.ts'

const MODES = [0, 1] as const
let proven: [Proven, Proven]

beforeAll(() => {
  proven = [prove(tinyEverything(), 0), prove(tinyEverything(), 1)]
})

/** What became of it: an error's code, the check that failed, or accepted. */
function outcome(proof: Uint8Array, statement: Statement): string {
  try {
    const { ok, checks } = verifyZk(proof, statement)
    return ok ? 'accepted' : `refused: ${checks.find(check => !check.ok)?.name}`
  } catch (error) {
    return (error as { code: string }).code
  }
}

/** Node's Buffer, what reading a file returns, is like this: its slice is no copy. */
class View extends Uint8Array {
  override slice(start?: number, end?: number): View {
    return this.subarray(start, end) as View
  }
}

/** The same bytes as a View within a longer buffer. */
function viewOf(bytes: Uint8Array): View {
  const longer = new View(bytes.length + 13)
  longer.set(bytes, 5)
  return longer.slice(5, 5 + bytes.length)
}

const zeros = (values: Int32Array): Int32Array => new Int32Array(values.length)
const changed = <T extends Int32Array | Uint8Array>(values: T, at: number, by = 1): T =>
  values.with(at, values[at]! + by) as T

test.each(
  [tinyRegression, tinyPictures, tinyAttention, tinyEverything].flatMap(make =>
    MODES.map(mode => ({ name: make.name, make, mode })),
  ),
)('$name in mode $mode: accepted, and both sides’ transcripts are one', ({ make, mode }) => {
  const { proof, statement, log } = prove(make(), mode)
  const states: Uint8Array[] = []
  const transcript = createTranscript(({ state }) => {
    states.push(state)
  })
  const { ok, checks } = verifyWithTranscript(proof, statement, transcript)
  expect(checks.filter(check => !check.ok)).toEqual([])
  expect(ok).toBe(true)
  expect(new Set(checks.map(({ name }) => name)).size).toBe(checks.length)
  expect(states).toEqual(log.map(({ state }) => state))
})

test.each(MODES)('another statement, mode %i', mode => {
  const { proof, statement } = proven[mode]
  const { graph, input, outputs } = statement
  const refused = (other: Partial<Statement>): void => {
    expect(outcome(proof, { ...statement, ...other })).toMatch(/^refused: /)
  }
  for (let i = 0; i < input.length; i++) {
    refused({ input: changed(input, i, input[i] === graph.input.hi ? -1 : 1) })
  }
  outputs.forEach((values, which) => {
    const { hi } = graph.nodes[graph.outputs[which]! - 1]!
    for (let i = 0; i < values.length; i++) {
      refused({ outputs: outputs.with(which, changed(values, i, values[i] === hi ? -1 : 1)) })
    }
  })
  graph.nodes.forEach((node, j) => {
    const other = { ...graph, nodes: graph.nodes.with(j, { ...node, hi: node.hi + 1 }) }
    // A maximum's width may not hold another range.
    expect(outcome(proof, { ...statement, graph: other })).toMatch(/^refused: |^range-overflow$/)
  })
  expect(() =>
    ensureProven(verifyZk(proof, { ...statement, outputs: statement.outputs.map(zeros) })),
  ).toThrow(
    expect.objectContaining({
      code: 'zk-invalid-proof',
      message: expect.stringMatching(/^refused by \S+: /),
    }),
  )
  // The batch the other way round: the same values, the same sums.
  const rows = [...input.subarray(input.length / 2), ...input.subarray(0, input.length / 2)]
  refused({ input: Int32Array.from(rows) })
})

test('another model', () => {
  const [committed, open] = proven
  const { weights } = committed.statement as { weights: { id: Uint8Array } }
  for (let i = 0; i < 32; i++) {
    const statement = { ...committed.statement, weights: { id: changed(weights.id, i) } }
    expect(outcome(committed.proof, statement)).toMatch(/^refused: /)
  }
  const all = (open.statement.weights as { public: Int32Array[] }).public
  all.forEach((values, parameter) => {
    for (let i = 0; i < values.length; i++) {
      const other = all.with(parameter, changed(values, i, values[i]! > 0 ? -1 : 1))
      const result = outcome(open.proof, { ...open.statement, weights: { public: other } })
      // Where the weight makes values possible that are not declared, the model is no valid one.
      expect(result).toMatch(/^refused: |^range-overflow$/)
    }
  })
  expect(outcome(committed.proof, { ...committed.statement, weights: { public: all } })).toBe('zk-proof-size')
  expect(outcome(committed.proof, { ...committed.statement, weights: { id: new Uint8Array(31) } })).toBe(
    'zk-wrong-model',
  )
})

test.each(MODES)('every step of the transcript, left out or of another label, mode %i', mode => {
  const { proof, statement } = proven[mode]
  /** Accepts with the step at `place` changed? Returns how many steps there were, too. */
  const withStep = (place: number): { ok: boolean; steps: number } => {
    const inner = createTranscript()
    let steps = 0
    const transcript: Transcript = {
      absorb(label, data) {
        if (steps++ !== place) inner.absorb(label, data)
      },
      challenge: label => inner.challenge(steps++ === place ? `${label}.` : label),
    }
    return { ok: verifyWithTranscript(proof, statement, transcript).ok, steps }
  }
  const { ok, steps } = withStep(-1)
  expect(ok).toBe(true)
  for (let place = 0; place < steps; place++) expect(withStep(place).ok).toBe(false)
})

test.each(MODES)('a proof whose slice is no copy, mode %i', mode => {
  const { proof, statement } = proven[mode]
  expect(outcome(viewOf(proof), statement)).toBe('accepted')
  expect(outcome(viewOf(changed(proof, 8)), statement)).toBe('zk-wrong-model')
})

test('bytes that are no proof of the statement', () => {
  const { proof, statement } = proven[0]
  const size = proof.length
  for (const length of [0, 1, 11, 12, 13, size / 2, size - 4, size - 1]) {
    expect(outcome(proof.subarray(0, length), statement)).toBe('zk-proof-size')
  }
  expect(outcome(concat(proof, new Uint8Array(1)), statement)).toBe('zk-proof-size')
  expect(outcome(concat(proof, proof), statement)).toBe('zk-proof-size')
  const header = Array.from({ length: 12 }, (_, i) => outcome(changed(proof, i), statement))
  const [version, model, canonical] = ['zk-unsupported-version', 'zk-wrong-model', 'zk-not-canonical']
  expect(header).toEqual([
    ...Array.from({ length: 5 }, () => version),
    model,
    ...[canonical, canonical],
    ...Array.from({ length: 4 }, () => model),
  ])
})

test('statements that nothing can prove', () => {
  const { proof, statement } = proven[0]
  const { graph, input, outputs } = statement
  const code = (other: Partial<Statement>): string => outcome(proof, { ...statement, ...other })
  expect(code({ input: changed(input, 0, graph.input.hi - input[0]! + 1) })).toBe('zk-value-out-of-range')
  expect(code({ outputs: outputs.with(0, changed(outputs[0]!, 0, 2 ** 30)) })).toBe('zk-value-out-of-range')
  expect(code({ outputs: [outputs[0]!, Int32Array.of(3, 0)] })).toBe('zk-value-out-of-range')
  expect(code({ input: input.subarray(1) })).toBe('invalid-input')
  expect(code({ input: [...input] as never })).toBe('invalid-input')
  const open = proven[1].statement.weights as { public: Int32Array[] }
  const fractions = open.public.map(values => Float64Array.from(values, value => value / 2) as never)
  expect(code({ weights: { public: fractions } })).toBe('invalid-input')
  expect(code({ outputs: [] })).toBe('invalid-input')
  expect(code({ batch: 3 })).toBe('invalid-input')
  expect(code({ batch: 0 })).toBe('model-too-large')
  expect(code({ batch: 2 ** 30 })).toBe('model-too-large')
  expect(() => verifyZk(proof, statement, { operations: 1000 })).toThrow('multiplications')
})

test('a proof may lie anywhere in a buffer', () => {
  const { proof, statement } = proven[0]
  const buffer = concat(new Uint8Array(3), proof, new Uint8Array(3))
  expect(outcome(buffer.subarray(3, -3), statement)).toBe('accepted')
})

test('graphs of extreme counts and sizes are errors, at once', () => {
  const { proof, statement } = proven[0]
  const { input } = statement.graph
  const add = (a: number): Node => ({ op: 'add', a, b: a, ca: 0, cb: 0, lo: 0, hi: 0 })
  const graphOf = (nodes: Node[], dims: number[]): Graph => {
    return { input: { ...input, dims }, tables: [], parameters: [], nodes, outputs: [nodes.length] }
  }
  const chain = (length: number): Node[] => Array.from({ length }, (_, j) => add(j))
  const turns = Array.from({ length: 40 }, (_, x): Node => {
    return { op: 'reshape', x, dims: x % 2 === 0 ? [1023, 1536] : [1536, 1023], lo: input.lo, hi: input.hi }
  })
  const hostile: [code: string, graph: Graph][] = [
    ['model-too-large', graphOf([add(0)], [65536, 65536])],
    ['invalid-graph', graphOf(chain(1025), [1])],
    ['shape-mismatch', graphOf([add(0)], [2 ** 31])],
    ['model-too-large', graphOf(turns, [1536, 1023])],
    ['zk-proof-size', graphOf(chain(1024), [2048])],
  ]
  for (const [code, graph] of hostile) {
    const start = performance.now()
    const values = { input: new Int32Array(4096), outputs: [new Int32Array(4096)], weights: { public: [] } }
    expect(outcome(proof, { ...statement, ...values, graph })).toBe(code)
    expect(performance.now() - start).toBeLessThan(500)
  }
})

test('random words of the right number are an error or refused, at once', () => {
  const [{ proof, statement }] = proven
  const wordsOf = (seed: number, below: number): Uint8Array => {
    let state = seed
    const words = Uint32Array.from({ length: (proof.length - 12) / 4 }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0
      return Math.floor((state / 2 ** 32) * below)
    })
    return concat(proof.subarray(0, 12), new Uint8Array(words.buffer))
  }
  fc.assert(
    fc.property(fc.integer(), fc.constantFrom(1, 2, P, 2 ** 32), (seed, below) => {
      const bytes = wordsOf(seed, below)
      const start = performance.now()
      expect(outcome(bytes, statement)).toMatch(/^refused: |^zk-not-canonical$/)
      // 50 ms, on a machine that does ten other things.
      expect(performance.now() - start).toBeLessThan(500)
    }),
  )
})
