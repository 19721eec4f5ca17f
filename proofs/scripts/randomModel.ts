/** Random networks for property tests: every operator, sides that are no powers of two, ranges up to their bounds. */
import type { FunctionId, Stride } from '../src/zk/graph/graph.ts'
import { bits, sizeOf } from '../src/zk/graph/limits.ts'
import { type Builder, createBuilder, type Parameter } from '../src/zk/import/builder.ts'
import { type Model, randomIntegers } from './models.ts'

/** A whole number below n. */
type Next = (n: number) => number

/** The same network for the same seed, of some four to nine nodes. */
export function randomModel(seed: number): Model {
  // Spread, as neighbours begin alike.
  const random = randomIntegers(Math.imul(seed + 1, 0x9e3779b1))
  const next: Next = n => random(1, 0, n - 1)[0]!
  const rank = 1 + next(3)
  const dims = Array.from({ length: rank }, () => 1 + next(6))
  const builder = createBuilder({ dims, lo: -next(20), hi: next(20) })
  const used = new Set<number>()
  let x = 0
  for (let steps = 3 + next(5); steps > 0; steps--) {
    const before = x
    x = step(builder, next, random, used, bounded(builder, next, used, x, 2 ** 16))
    if (x !== before) used.add(before)
  }
  const outputs = Array.from({ length: x }, (_, i) => i + 1).filter(tensor => !used.has(tensor))
  return builder.finish(outputs)
}

const largest = (builder: Builder, x: number): number =>
  Math.max(-builder.range(x).lo, builder.range(x).hi, 1)

/** x itself, or a clamp of it if its values may be larger. */
function bounded(builder: Builder, next: Next, used: Set<number>, x: number, most: number): number {
  return largest(builder, x) <= most ? x : requantised(builder, next, used, x)
}

function requantised(builder: Builder, next: Next, used: Set<number>, x: number): number {
  used.add(x)
  const multiplier = 1 + next(5)
  const needed = bits(multiplier * largest(builder, x) + 1)
  // Quotients of at most 13 bits with their sign: of 12 they are narrow, else wide.
  const shift = Math.max(0, needed - 12 + next(4))
  return builder.lookup(x, multiplier, shift, someFunction(builder, next))
}

function someFunction(builder: Builder, next: Next): FunctionId {
  if (next(2) === 0) return { clamp: [-next(20), next(20)] }
  const values = Array.from({ length: 2 ** (1 + next(5)) }, () => next(41) - 20)
  return { table: builder.table(values) }
}

function step(
  builder: Builder,
  next: Next,
  random: ReturnType<typeof randomIntegers>,
  used: Set<number>,
  x: number,
): number {
  const dims = builder.dims(x)
  const last = dims.at(-1)
  const parameter = (...sides: number[]): Parameter => ({ dims: sides, values: random(sizeOf(sides), -9, 9) })
  const bias = (n: number): Parameter | undefined => (next(2) === 0 ? parameter(n) : undefined)
  const side = (most: number): number => 1 + next(Math.min(3, most))
  const stride = (): Stride => ({
    stride: [1 + next(2), 1 + next(2)],
    pads: [next(2), next(2), next(2), next(2)],
  })
  used.add(x)
  const [, height, width] = dims
  const choices: (() => number)[] = [() => requantised(builder, next, used, x)]
  choices.push(() => builder.add(x, x, next(7) - 3, next(7) - 3))
  if (largest(builder, x) < 2 ** 14) choices.push(() => builder.mul(x, x))
  if (sizeOf(dims) > 1) choices.push(() => builder.reshape(x, [sizeOf(dims)]))
  if (dims.length > 1) {
    choices.push(() => builder.permute(x, [dims.length - 1, ...dims.slice(1).keys()]))
    choices.push(() => builder.matmul(x, x, true))
  }
  if (last !== undefined) {
    const outputs = 1 + next(5)
    choices.push(() => builder.dense(x, parameter(outputs, last), bias(outputs)))
    choices.push(() => builder.sum(x, 1 + next(dims.length)))
    choices.push(() => {
      const sum = builder.sum(x, 1)
      used.add(sum)
      return largest(builder, sum) < 2 ** 12 && next(2) === 0
        ? builder.mul(x, sum)
        : builder.add(x, sum, last, -1)
    })
    choices.push(() => {
      const small = clamped(builder, used, x)
      return next(3) === 0 ? builder.argmax(small) : builder.max(small, 1 + next(dims.length))
    })
  }
  if (dims.length === 3) {
    const kernel: [number, number] = [side(height!), side(width!)]
    const outputs = 1 + next(4)
    choices.push(() => builder.conv(x, parameter(outputs, dims[0]!, ...kernel), bias(outputs), stride()))
    choices.push(() => builder.unfold(x, kernel, stride()))
  }
  return choices[next(choices.length)]!()
}

/** Of so few values that max and argmax take them. */
function clamped(builder: Builder, used: Set<number>, x: number): number {
  if (largest(builder, x) <= 100) return x
  used.add(x)
  return builder.lookup(x, 1, Math.max(0, bits(largest(builder, x)) - 10), { clamp: [-30, 30] })
}
