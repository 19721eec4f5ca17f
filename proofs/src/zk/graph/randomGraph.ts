/** Random valid graphs, for tests: every operator, small tensors, ranges at their edges. */
import { type Builder, graphBuilder, type Parameter, type Tensor } from './build.ts'
import type { Graph, Weights } from './graph.ts'
import { sizeOf } from './limits.ts'

/** Whole numbers from lo to hi, both included, the same for the same seed. */
export type Random = (lo: number, hi: number) => number

/** mulberry32. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0
  return (lo, hi) => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return lo + (((t ^ (t >>> 14)) >>> 0) % (hi - lo + 1))
  }
}

/** A graph of up to `nodes` operators and its weights. */
export function randomGraph(random: Random, nodes = 8): { graph: Graph; weights: Weights } {
  const dims = random(0, 1) ? [random(1, 3), random(1, 5), random(1, 5)] : [random(1, 5), random(1, 6)]
  const { input, build }: Builder = graphBuilder({ dims, lo: random(-9, 0), hi: random(0, 9) })
  const tensors = [input]
  const used = new Set<number>()
  for (let attempt = 0; attempt < 4 * nodes && tensors.length <= nodes; attempt++) {
    const made = step(random, tensors)
    if (!made) continue
    for (const { index } of made.from) used.add(index)
    tensors.push(made.tensor)
  }
  if (tensors.length === 1) {
    tensors.push(input.clamp(-3, 3))
    used.add(0)
  }
  // What nobody reads is an output.
  return build(...tensors.filter(({ index }) => !used.has(index)))
}

/** Values in the input's range, its edges among them more often than not. */
export function randomInput(random: Random, { input }: Graph, batch: number): Int32Array {
  const value = (): number => [input.lo, input.hi, random(input.lo, input.hi)][random(0, 2)]!
  return Int32Array.from({ length: batch * sizeOf(input.dims) }, value)
}

type Made = { tensor: Tensor; from: Tensor[] }

/** One more node that fits one of the tensors, if the operator that is drawn does. */
function step(random: Random, tensors: Tensor[]): Made | undefined {
  const pick = (): Tensor => tensors[random(0, tensors.length - 1)]!
  // The first node reads the input, and later ones what is new more often.
  const x = random(0, 1) ? tensors.at(-1)! : pick()
  const limit = Math.max(-x.lo, x.hi)
  const one = (tensor: Tensor | undefined): Made | undefined => tensor && { tensor, from: [x] }
  const small = sizeOf(x.dims) <= 512
  switch (random(0, 12)) {
    case 0:
      return one(
        x.dims.length > 0 && limit < 2 ** 14
          ? x.dense(...weights(random, [random(1, 5), x.dims.at(-1)!]))
          : undefined,
      )
    case 1:
      return one(x.dims.length === 3 && limit < 2 ** 14 ? conv(random, x) : undefined)
    case 2:
      return one(
        x.dims.length === 3 && sizeOf(x.dims) <= 64
          ? x.unfold(...place(random, x, random(1, 2), random(1, 2)))
          : undefined,
      )
    case 3:
      return one(x.dims.length > 0 && limit < 2 ** 18 ? x.sum(random(1, x.dims.length)) : undefined)
    case 4:
      return matmul(random, x, pick())
    case 5:
      return elementwise(random, x, pick())
    case 6:
      return one(x.dims.length < 5 && small ? reshape(random, x) : undefined)
    case 7:
      return one(x.dims.length > 1 ? x.permute(...shuffled(random, [...x.dims.keys()])) : undefined)
    case 8:
      return one(x.dims.length > 0 && x.hi - x.lo < 2 ** 8 ? x.max(random(1, x.dims.length)) : undefined)
    case 9:
      return one(x.dims.length > 0 && x.hi - x.lo < 2 ** 6 ? x.argmax() : undefined)
    default:
      return one(lookup(random, x))
  }
}

function weights(random: Random, dims: number[]): [Parameter, Parameter | undefined] {
  const value = (): number => [-127, 127, random(-127, 127), random(-9, 9)][random(0, 3)]!
  const filled = (shape: number[]): Parameter => ({
    dims: shape,
    values: Array.from({ length: sizeOf(shape) }, value),
  })
  return [filled(dims), random(0, 1) ? filled([dims[0]!]) : undefined]
}

function conv(random: Random, x: Tensor): Tensor {
  const [[rows, columns], at] = place(random, x, random(1, 3), random(1, 3))
  const [weight, bias] = weights(random, [random(1, 4), x.dims[0]!, rows, columns])
  return x.conv(weight, { ...at, ...(bias ? { bias } : {}) })
}

type Place = [
  kernel: [number, number],
  at: { stride: [number, number]; pads: [number, number, number, number] },
]

function place(random: Random, x: Tensor, rows: number, columns: number): Place {
  const kernel: [number, number] = [Math.min(rows, x.dims[1]!), Math.min(columns, x.dims[2]!)]
  const pad = (): number => random(0, 2)
  return [kernel, { stride: [random(1, 3), random(1, 3)], pads: [pad(), pad(), pad(), pad()] }]
}

function matmul(random: Random, x: Tensor, other: Tensor): Made | undefined {
  if (x.dims.length < 2 || Math.max(-x.lo, x.hi, -other.lo, other.hi) >= 2 ** 11) return undefined
  const fits = (b: Tensor, inner: number): boolean =>
    b.dims.length === x.dims.length &&
    b.dims.slice(0, -2).join() === x.dims.slice(0, -2).join() &&
    inner === x.dims.at(-1)
  if (fits(other, other.dims.at(-2)!)) return { tensor: x.matmul(other), from: [x, other] }
  if (fits(other, other.dims.at(-1)!))
    return { tensor: x.matmul(other, { transposed: true }), from: [x, other] }
  return {
    tensor: x.matmul(x, { transposed: random(0, 1) === 1 || x.dims.at(-1) !== x.dims.at(-2) }),
    from: [x],
  }
}

function elementwise(random: Random, x: Tensor, other: Tensor): Made | undefined {
  const limit = Math.max(-x.lo, x.hi, -other.lo, other.hi)
  if (limit >= 2 ** 14) return undefined
  const [whole, rows] = [x.dims.join(), x.dims.slice(0, -1).join()]
  const fits = other.dims.join() === whole || (x.dims.length > 0 && other.dims.join() === rows)
  const b = fits ? other : x
  const tensor = random(0, 1) ? x.mul(b) : x.add(b, random(-99, 99), random(-99, 99))
  return { tensor, from: [x, b] }
}

/** Some factors of the size, and what is left. */
function reshape(random: Random, x: Tensor): Tensor {
  let left = sizeOf(x.dims)
  const dims: number[] = []
  for (const factor of [2, 3, 5]) {
    if (left % factor !== 0 || random(0, 1)) continue
    dims.push(factor)
    left /= factor
  }
  return x.reshape(...shuffled(random, [...dims, left]))
}

/** Of every form; what is drawn outside of the rules is refused by the builder. */
function lookup(random: Random, x: Tensor): Tensor | undefined {
  const limit = Math.max(-x.lo, x.hi, 1)
  const multiplier = random(1, Math.min(32767, Math.floor(2 ** 28 / limit), [3, 40, 32767][random(0, 2)]!))
  const shift = Math.min(24, Math.max(0, Math.ceil(Math.log2(multiplier * limit)) - random(1, 12)))
  const options = { multiplier, shift, ...(random(0, 2) ? {} : { wide: true }) }
  try {
    if (random(0, 1)) return x.clamp(random(-20, 0), random(0, 20), options)
    return x.table(
      Int16Array.from({ length: 2 ** random(1, 8) }, () => random(-200, 200)),
      options,
    )
  } catch {
    return undefined
  }
}

function shuffled<T>(random: Random, list: T[]): T[] {
  return list
    .map(value => ({ value, key: random(0, 0xffff) }))
    .sort((a, b) => a.key - b.key)
    .map(({ value }) => value)
}
