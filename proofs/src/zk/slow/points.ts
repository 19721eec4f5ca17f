import { add, type K, mul, ONE, sub, toK, ZERO } from './field.ts'

/** Vectors, points and extensions of docs/zk-soundness.md, sections 1 and 7: the most significant bit first. */

/** ⌈log2 n⌉. */
export function bits(n: number): number {
  let result = 0
  while (2 ** result < n) result++
  return result
}

/** The vertex of the cube that an index of `width` bits is. */
export const vertex = (index: number, width: number): K[] =>
  Array.from({ length: width }, (_, i) => toK(Math.floor(index / 2 ** (width - 1 - i)) % 2))

/** ∏ (r_i s_i + (1 - r_i)(1 - s_i)). */
export function eq(r: readonly K[], s: readonly K[]): K {
  if (r.length !== s.length) throw new RangeError(`eq of points of ${r.length} and ${s.length} coordinates`)
  return r.reduce((result, x, i) => {
    const y = s[i]!
    return mul(result, add(mul(x, y), mul(sub(ONE, x), sub(ONE, y))))
  }, ONE)
}

/** eq(r, i) for every index i. */
export function eqTable(r: readonly K[]): K[] {
  return r.reduce<K[]>(
    (table, x) =>
      table.flatMap(value => {
        const high = mul(value, x)
        return [sub(value, high), high]
      }),
    [ONE],
  )
}

/** Binds the first variable: v'[i] = v[i] + r (v[i + half] - v[i]). */
export function fold(vector: readonly K[], r: K): K[] {
  const half = vector.length / 2
  return Array.from({ length: half }, (_, i) => add(vector[i]!, mul(r, sub(vector[i + half]!, vector[i]!))))
}

/** Binds the first variables to a point. */
export const bind = (vector: readonly K[], point: readonly K[]): K[] => point.reduce<K[]>(fold, [...vector])

/** The multilinear extension at a point of as many coordinates as the index has bits. */
export function extension(vector: readonly K[], point: readonly K[]): K {
  const rest = bind(vector, point)
  if (rest.length !== 1) throw new RangeError(`${point.length} coordinates for a vector of ${vector.length}`)
  return rest[0]!
}

/** LT_n: the extension of [i < n]. */
export function LT(n: number, r: readonly K[]): K {
  if (n === 2 ** r.length) return ONE
  const half = 2 ** (r.length - 1)
  const [first, ...rest] = r
  if (n <= half) return mul(sub(ONE, first!), LT(n, rest))
  return add(sub(ONE, first!), mul(first!, LT(n - half, rest)))
}

/** A point cut into the groups of coordinates of its dimensions. */
export function groupsOf(dims: readonly number[], point: readonly K[]): K[][] {
  let offset = 0
  const groups = dims.map(dim => {
    const start = offset
    offset += bits(dim)
    return point.slice(start, offset)
  })
  if (offset !== point.length) throw new RangeError(`${point.length} coordinates for ${dims.join(' x ')}`)
  return groups
}

/** Valid_T: the extension of the mask of the true indices. */
export const Valid = (dims: readonly number[], point: readonly K[]): K =>
  groupsOf(dims, point).reduce((result, group, i) => mul(result, LT(dims[i]!, group)), ONE)

/** One axis of a convolution: i = o · stride + k - pad. */
export type Axis = { outputs: number; kernel: number; inputs: number; stride: number; pad: number }

/** G(r_o, r_k, r_i): the extension of [o, k, i belong together], of section 7. */
export function G(axis: Axis, ro: readonly K[], rk: readonly K[], ri: readonly K[]): K {
  let result = ZERO
  for (let o = 0; o < axis.outputs; o++)
    for (let k = 0; k < axis.kernel; k++) {
      const i = o * axis.stride + k - axis.pad
      if (i < 0 || i >= axis.inputs) continue
      const at = mul(eq(ro, vertex(o, ro.length)), eq(rk, vertex(k, rk.length)))
      result = add(result, mul(at, eq(ri, vertex(i, ri.length))))
    }
  return result
}
