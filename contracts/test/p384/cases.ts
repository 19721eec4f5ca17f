import { createHash } from 'node:crypto'
import {
  B,
  chord,
  combine,
  F,
  G,
  inverse,
  lift,
  mod,
  multiply,
  N,
  negate,
  P,
  type Point,
  squareRoot,
  step,
  sure,
  TABLES_OF_G,
} from './curve.ts'
import { type Bend, complete, type Draft, honest, scheduleOf, walk } from './forge.ts'
import { type Hint, numberOf, type Operation, type Statement } from './hint.ts'
import { rootsOf } from './polynomial.ts'
import { type Entry, scalarsOf } from './relations.ts'

/** Statements to attack with: true ones, and drafts of hints for false ones. */
export const digestOf = (message: string): bigint => numberOf(createHash('sha384').update(message).digest())

/** A key whose owner signs nothing here. */
export const VICTIM: Point = sure(multiply(digestOf('the key of a victim'), G))
export const FORGED = digestOf('pay mallory')

/** A signature by a key and with a nonce from a name. */
export function signed(name: string, options: { e?: bigint; key?: bigint; nonce?: bigint } = {}) {
  const key = options.key ?? digestOf(`key ${name}`)
  const nonce = options.nonce ?? digestOf(`nonce ${name}`)
  const e = options.e ?? digestOf(`message ${name}`)
  const q = sure(multiply(key, G))
  const point = sure(multiply(nonce, G))
  const r = mod(point[0], N)
  const s = mod(inverse(nonce, N) * (e + r * key), N)
  const statement: Statement = { e, r, s, qx: q[0], qy: q[1] }
  return { statement, point, flags: point[0] >= N ? 1 : 0 }
}

/** Its honest hint, made here. */
export function valid(name: string): { statement: Statement; hint: Hint } {
  const { statement, point, flags } = signed(name)
  return { statement, hint: complete(honest(statement, point, flags)) }
}

/** A true statement and its hint with so many operations: pairs that cancel are added. */
export function withOperations(count: number): { statement: Statement; hint: Hint } {
  for (let i = 0; ; i++) {
    const { statement, point } = signed(`count ${i}`)
    const draft = honest(statement, point)
    if ((count - draft.operations.length) % 2 !== 0) continue
    const pair = [false, true].map(subtract => ({ doublings: 0, subtract, table: 3, index: 63 }))
    const operations = [...draft.operations]
    while (operations.length < count) operations.push(...pair)
    const { slopes } = walk(point, [statement.qx, statement.qy], operations)
    return { statement, hint: complete({ ...draft, operations, slopes }) }
  }
}

/** A signature with x(R) = r + n. */
export function beyondN(): { statement: Statement; point: Point; draft: Draft } {
  const point = anyPoint(N + 2n)
  const [e, r, s] = [FORGED, point[0] - N, digestOf('s') >> 1n]
  const [qx, qy] = keyFor(e, r, s, point)
  const statement: Statement = { e, r, s, qx, qy }
  return { statement, point, draft: honest(statement, point, 1) }
}

/** A point with a y-coordinate so small that y + p has 48 bytes. */
export function lowPoint(): Point {
  for (let y = 1n; ; y++) {
    const [x] = rootsOf([mod(B - y * y, P), P - 3n, 0n, 1n], P).filter(root => root < N)
    if (x !== undefined) return [x, y]
  }
}

/** The key for which (r, s) with this point is a signature of e: so the point may be any. */
export function keyFor(e: bigint, r: bigint, s: bigint, point: Point): Point {
  const inverted = inverse(r, N)
  return sure(combine([s * inverted, point], [-e * inverted, G]))
}

export function anyPoint(from: bigint): Point {
  for (let x = from; ; x++) {
    const point = lift(x)
    if (point) return point
  }
}

export type Universal = Draft & { point: Point; v: bigint; w: bigint; g: bigint }

/** Mallory's message under the victim's key: all relations hold but the end. [15]R and [15]Q are not used. */
export function universal(variant = 0, v = 1n, w = 1n): Universal {
  const point = anyPoint(digestOf(`point ${variant}`) >> 1n)
  const r = point[0]
  const s = mod(-v * r * inverse(w, N), N)
  const g = mod(-v * FORGED * inverse(s, N), N)
  const operations = scheduleOf(v, w, g)
  const { slopes } = walk(point, VICTIM, operations)
  const statement = { e: FORGED, r, s, qx: VICTIM[0], qy: VICTIM[1] }
  return { statement, y: point[1], operations, slopes, point, v, w, g }
}

/** R = [a]G + Q for the victim's Q: the points close, with v = 1, w = -1 and g = -a; s is to be chosen. */
export function closed(a: bigint): { point: Point; r: bigint; operations: Operation[]; slopes: bigint[] } {
  const point = sure(combine([a, G], [1n, VICTIM]))
  const operations = scheduleOf(1n, -1n, mod(-a, N))
  const { slopes } = walk(point, VICTIM, operations)
  return { point, r: mod(point[0], N), operations, slopes }
}

export type Loose = {
  point: Point
  operations: Operation[]
  /** What the steps really add up to, where it is not what the schedule says. */
  v: bigint
  w?: bigint
  g?: bigint
  /** Where [v]R + [w]Q + [g]G must lie. */
  offset?: Point
  bend?: Bend
  entry?: Entry
  start?: Point
  flags?: number
}

/** A statement of mallory's own key whose scalars are right, and whose points close by a step that is wrong. */
export function loose(options: Loose): Draft {
  const { point, operations, offset, bend, entry, start, flags = 0 } = options
  const claimed = scalarsOf(operations)
  const g = claimed.g0 + (claimed.g1 << 192n)
  const r = mod(point[0], N)
  const s = mod(-claimed.v * r * inverse(claimed.w, N), N)
  const e = mod(-g * s * inverse(claimed.v, N), N)
  const w = inverse(options.w ?? claimed.w, N)
  const terms: [bigint, Point][] = [
    [-options.v * w, point],
    [-(options.g ?? g) * w, G],
  ]
  const [qx, qy] = sure(combine(...terms, ...(offset ? [[w, offset] as [bigint, Point]] : [])))
  const { slopes } = walk(point, [qx, qy], operations, bend, entry, start)
  return { statement: { e, r, s, qx, qy }, flags, y: point[1], operations, slopes }
}

/** Doublings with pairs of steps that cancel between them: A becomes [2^doublings]A. */
export function afterPairs(doublings: number): Operation[] {
  const operations: Operation[] = []
  for (let left = doublings; left > 0; left -= 12) {
    operations.push({ doublings: Math.min(left, 12), subtract: false, table: 2, index: 0 })
    operations.push({ doublings: 0, subtract: true, table: 2, index: 0 })
  }
  return operations
}

/** A draft that ends in `end`, and two pairs of steps more: one of 4,096 variants with other hashes. */
export function withPairs(draft: Draft, end: Point, variant: number): Pick<Draft, 'operations' | 'slopes'> {
  const [operations, slopes] = [[...draft.operations], [...draft.slopes]]
  for (const index of [variant & 63, (variant >> 6) & 63]) {
    const entry = TABLES_OF_G[0][index]!
    const first = chord(end, entry)
    slopes.push(first, chord(step(end, entry[0], first), negate(entry)))
    for (const subtract of [false, true]) operations.push({ doublings: 0, subtract, table: 2, index })
  }
  return { operations, slopes }
}

export const doubleOfF: Point = sure(multiply(2n, F))
export const minusDoubleOfF: Point = negate(doubleOfF)

/** Another point of E with the y-coordinate of this one. */
export function sameY([x, y]: Point): Point | undefined {
  const root = squareRoot(mod(12n - 3n * x * x, P), P)
  return root === undefined ? undefined : [mod((root - x) * inverse(2n, P), P), y]
}
