/** Columns of the committed nodes, at padded indices too: docs/zk-soundness.md section 4. */
import { functionOf } from '../graph/functions.ts'
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
    const { multiplier: m, shift: s, width: w } = node
    const [s0, s1] = remainderBits(s)
    const x = pass.tensor(node.x)
    const h = s === 0 ? 0 : 2 ** (s - 1)
    if (s0 > 0) {
      const r0 = pass.column(j, 'r0')
      for (let i = 0; i < x.length; i++) r0[i] = (m * x[i]! + h) & (2 ** s0 - 1)
      pass.found(j, 'range0', i => r0[i]!)
    }
    if (s1 > 0) {
      const r1 = pass.column(j, 'r1')
      for (let i = 0; i < x.length; i++) r1[i] = ((m * x[i]! + h) >> s0) & (2 ** s1 - 1)
      pass.found(j, 'range1', i => r1[i]!)
    }
    const y0 = pass.column(j, 'y0')
    const f = functionOf(pass.graph, node.f)
    if (node.wide) {
      const [e, c] = [pass.column(j, 'e'), pass.column(j, 'c')]
      const values = pass.entries(j, 'sat', 2)
      const { offset, bits: v } = f
      for (let i = 0; i < x.length; i++) {
        const distance = ((m * x[i]! + h) >> s) - offset
        e[i] = distance & (2 ** v - 1)
        c[i] = Math.sign(distance >> v)
        y0[i] = values[((c[i]! + 1) << v) | e[i]!]!
      }
      pass.found(j, 'sign', i => ((((m * x[i]! + h) >> s) - offset) >> v) + 2 ** w)
      pass.found(j, 'sat', i => ((c[i]! + 1) << v) | e[i]!)
    } else {
      const values = pass.entries(j, 'func', 1)
      const entry = (i: number): number => ((m * x[i]! + h) >> s) + 2 ** (w - 1)
      for (let i = 0; i < x.length; i++) y0[i] = values[entry(i)]!
      pass.found(j, 'func', entry)
    }
    const y = pass.tensor(j + 1)
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
    pass.found(j, 'index', o => index[o]!)
    pass.found(j, 'window', o => (maximum[o]! >> kappa) + 2 ** (window - 1))
    const y = pass.tensor(j + 1)
    for (const o of paddedIndices(pass.dims(j + 1))) y[o] = 2 ** kappa - 1 - index[o]!
  },
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
  pass.found(j, 'nz', i => distance[i]!)
  const last = sizeOf(reduced) - 1
  pass.found(j, 'attained', o => last - missed[o]!)
}
