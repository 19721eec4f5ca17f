/** Columns of the committed nodes, at padded indices too: docs/zk-soundness.md section 4. */
import { functionOf, type IntegerFunction } from '../graph/functions.ts'
import type { NodeOf } from '../graph/graph.ts'
import { bits, paddedSizeOf, sizeOf } from '../graph/limits.ts'
import { remainderBits } from '../graph/lookups.ts'
import type { Pass } from './pass.ts'
import { paddedIndices } from './points.ts'

type Committed = {
  [O in 'lookup' | 'max' | 'argmax']: (pass: Pass, node: NodeOf<O>, j: number) => void
}

export const COMMITTED: Committed = {
  lookup(pass, node, j) {
    const { multiplier: m, shift: s } = node
    const [s0, s1] = remainderBits(s)
    const h = s === 0 ? 0 : 2 ** (s - 1)
    const z = pass.tensor(node.x).map(x => m * x + h)
    if (s0 > 0) {
      const r0 = pass.column(j, 'r0')
      for (let i = 0; i < z.length; i++) r0[i] = z[i]! & (2 ** s0 - 1)
      pass.found(j, 'range0', r0)
    }
    if (s1 > 0) {
      const r1 = pass.column(j, 'r1')
      for (let i = 0; i < z.length; i++) r1[i] = (z[i]! >> s0) & (2 ** s1 - 1)
      pass.found(j, 'range1', r1)
    }
    const q = z
    for (let i = 0; i < q.length; i++) q[i] = z[i]! >> s
    const f = functionOf(pass.graph, node.f)
    if (node.wide) saturated(pass, node, j, q, f)
    else applied(pass, node, j, q)
    const [y, y0] = [pass.tensor(j + 1), pass.column(j, 'y0')]
    if (f.atZero === 0) y.set(y0)
    else for (const i of paddedIndices(pass.dims(j + 1))) y[i] = y0[i]! + f.atZero
  },

  max(pass, { x, count }, j) {
    const dims = pass.dims(x)
    const reduced = dims.slice(dims.length - count)
    attain(pass, j, x, reduced, 0)
    pass.tensor(j + 1).set(pass.column(j, 'M'))
  },

  argmax(pass, { x, window }, j) {
    const reduced = pass.dims(x).slice(-1)
    const kappa = bits(reduced[0]!)
    attain(pass, j, x, reduced, kappa)
    const [maximum, index] = [pass.column(j, 'M'), pass.column(j, 'J')]
    for (let o = 0; o < maximum.length; o++) index[o] = maximum[o]! & (2 ** kappa - 1)
    pass.found(j, 'index', index)
    pass.found(
      j,
      'window',
      maximum.map(value => (value >> kappa) + 2 ** (window - 1)),
    )
    const y = pass.tensor(j + 1)
    for (const o of paddedIndices(pass.dims(j + 1))) y[o] = 2 ** kappa - 1 - index[o]!
  },
}

/** y0 of one table. q is used up. */
function applied(pass: Pass, { width }: NodeOf<'lookup'>, j: number, q: Int32Array): void {
  const y0 = pass.column(j, 'y0')
  const values = pass.entries(j, 'func', 1)
  for (let i = 0; i < q.length; i++) {
    q[i]! += 2 ** (width - 1)
    y0[i] = values[q[i]!]!
  }
  pass.found(j, 'func', q)
}

/** e, c and y0: q below, in or above the window [o, o + 2^v). q is used up. */
function saturated(
  pass: Pass,
  { width }: NodeOf<'lookup'>,
  j: number,
  q: Int32Array,
  { offset, bits: v }: IntegerFunction,
): void {
  const [e, c, y0] = [pass.column(j, 'e'), pass.column(j, 'c'), pass.column(j, 'y0')]
  const values = pass.entries(j, 'sat', 2)
  const places = new Int32Array(q.length)
  for (let i = 0; i < q.length; i++) {
    const distance = q[i]! - offset
    const u = distance >> v
    e[i] = distance & (2 ** v - 1)
    c[i] = Math.sign(u)
    places[i] = ((c[i]! + 1) << v) | e[i]!
    y0[i] = values[places[i]!]!
    q[i] = u + 2 ** width
  }
  pass.found(j, 'sign', q)
  pass.found(j, 'sat', places)
}

/**
 * M and z: the maximum of 2^kappa x + ramp over the reduced dimensions, and what is not attained. ramp is
 * 2^kappa - 1 - k at x's true indices and 0 elsewhere: nothing at all for max.
 */
function attain(pass: Pass, j: number, tensor: number, reduced: number[], kappa: number): void {
  const x = pass.tensor(tensor)
  const [maximum, z] = [pass.column(j, 'M'), pass.column(j, 'z')]
  const [size, inside] = [paddedSizeOf(reduced), paddedIndices(reduced)]
  const missed = new Int32Array(maximum.length)
  const distance = new Int32Array(x.length)
  const ramped = new Uint8Array(maximum.length)
  if (kappa > 0) for (const o of paddedIndices(pass.dims(j + 1))) ramped[o] = 1
  for (let o = 0; o < maximum.length; o++) {
    const at = (k: number): number => 2 ** kappa * x[o * size + k]! + (ramped[o] ? 2 ** kappa - 1 - k : 0)
    let most = at(0)
    for (const k of inside) most = Math.max(most, at(k))
    maximum[o] = most
    for (const k of inside) {
      const i = o * size + k
      distance[i] = most - at(k)
      z[i] = distance[i] === 0 ? 0 : 1
      missed[o]! += z[i]!
    }
  }
  pass.found(j, 'nz', distance)
  const last = sizeOf(reduced) - 1
  pass.found(
    j,
    'attained',
    missed.map(count => last - count),
  )
}
