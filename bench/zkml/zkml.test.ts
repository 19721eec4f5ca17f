import { expect, test } from 'vitest'
import { growthSvg } from './growthPlot.ts'
import { plotsSvg } from './plot.ts'
import { type Measured, NOTHING, plainRows } from './row.ts'
import { zkmlNotes, zkmlTable } from './table.ts'
import { missed } from './targets.ts'
import { WORKLOADS } from './workloads.ts'

const row = (more: Partial<Measured>): Measured => ({
  ...{ workload: 'lenet5', method: 'transparent', accuracy: 0.985 },
  ...{ ...NOTHING, prove_ms: 91.2, verify_ms: 21, proof_bytes: 191_000, rss_mb: 160, cold_ms: 240 },
  ...more,
})
const groth16 = row({ method: 'groth16', gas: 215_000, setup_ms: 60_000, constraints: 158_418 })

test('a row a workload and method; the article’s zkML beside proofs, its TEE beside the enclave', () => {
  const lines = zkmlTable([row({}), groth16, row({ method: 'enclave' }), row({ method: 'plain' })])
  expect(lines).toHaveLength(6)
  expect(lines[0]).toMatch(/article, zkML \* +article, TEE \*/)
  expect(lines[2]).toMatch(
    /LeNet-5, textbook order +transparent +91\.2 ms +240\.0 ms +21\.0 ms +191 kB +160 MB .*98\.5 %/,
  )
  expect(lines[2]).toContain('EZKL 60.0 s, zkml (ddkang) 3.33 s')
  expect(lines[3]).toContain('215,000')
  expect(lines[4]).toContain('56.0 ms')
  expect(lines[5]).not.toMatch(/EZKL|56\.0 ms/)
})

test('notes tell the setup of Groth16, and why something is absent', () => {
  const without = row({ method: 'groth16', prove_ms: null, note: 'tables have no circuit' })
  const notes = zkmlNotes([groth16, without]).join('\n')
  expect(notes).toContain('LeNet-5, textbook order 60.0 s for 158,418 constraints')
  expect(notes).toContain('LeNet-5, textbook order, groth16: tables have no circuit')
  expect(notes).toContain('It does not say in which order')
})

test('every limit of the transparent prover is checked, and of it alone', () => {
  expect(missed([row({})])).toEqual([])
  expect(missed([row({ prove_ms: 401 })])).toEqual(['lenet5: proving, ms: 401, the target is 400'])
  expect(missed([row({ verify_ms: 41, proof_bytes: 500_001, rss_mb: null })])).toHaveLength(3)
  expect(missed([row({ method: 'groth16', prove_ms: 10_000 })])).toEqual([])
  const limited = WORKLOADS.filter(({ name }) => missed([row({ workload: name, prove_ms: 1e6 })]).length > 0)
  expect(limited.map(({ name }) => name)).toEqual(['iris-ols', 'iris-mlp-500', 'lenet5'])
})

test('--json has the eight fields and no others', () => {
  expect(plainRows([groth16]).map(Object.keys)).toEqual([
    ['workload', 'method', 'prove_ms', 'verify_ms', 'proof_bytes', 'rss_mb', 'gas', 'accuracy'],
  ])
})

test('a plot has logarithmic axes with units, and every point inside', () => {
  const points = [
    [10_000, 12],
    [100_000, 40],
    [1_000_000, 950],
  ] as const
  const series = [{ name: 'ours <&', colour: '#2f81f7', points: [...points] }]
  const svg = plotsSvg([{ title: 'Time', x: 'parameters', y: 'milliseconds', series }])
  for (const label of [
    '>10 k<',
    '>100 k<',
    '>1 M<',
    '>10<',
    '>1 k<',
    '>parameters<',
    '>milliseconds<',
    'ours &lt;&amp;',
  ])
    expect(svg).toContain(label)
  const [a, b, c] = [...svg.matchAll(/<circle cx="([\d.]+)" cy="([\d.]+)"/g)].map(match =>
    match.slice(1).map(Number),
  )
  expect(b![0]! - a![0]!).toBeCloseTo(c![0]! - b![0]!, 0)
  expect([a![1], b![1], c![1]]).toEqual([a![1], b![1], c![1]].toSorted((p, q) => q! - p!))
  expect(svg).not.toMatch(/NaN|Infinity|undefined|background/)
})

test('growth is plotted as time and as size', () => {
  const growth = [
    { parameters: 9900, prove_ms: 30, verify_ms: 12, proof_bytes: 90_000, groth16_ms: 500 },
    { parameters: 1_068_810, prove_ms: 250, verify_ms: 35, proof_bytes: 330_000 },
  ]
  const svg = growthSvg(growth)
  expect(svg.match(/<polyline/g)).toHaveLength(4)
  expect(svg).toMatch(/^<svg [^>]*viewBox="0 0 860 340"/)
})
