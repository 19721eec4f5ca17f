import { B, G, KEY_MULTIPLES, type Point } from './curve.ts'
import type { Operation } from './schedule.ts'

/** Coefficients of the fold: of a relation's place in its row, and of the row. */
export type Coefficients = { rho: bigint; row(index: number): bigint }

/** The row of the first operation: rows are told apart by the operation's place in the contract's memory. */
const FIRST_ROW = 0x3c02

/** What the relations are about. The tables of G and 2^192 G are the contract's constants. */
export type Replay = {
  r: Point
  q: Point
  offset: Point
  end: Point
  bases: readonly (readonly Point[])[]
  operations: readonly Operation[]
  slopes: readonly bigint[]
}

/**
 * E of docs/p384-soundness.md, section 5: the relations of section 4 over integers that are never reduced, folded in
 * the contract's order.
 */
export function fold(replay: Replay, { rho, row }: Coefficients): bigint {
  const slopes = replay.slopes[Symbol.iterator]()
  const next = (): bigint => slopes.next().value as bigint
  let total = 0n
  let sum = 0n
  const relate = (relation: bigint): void => {
    sum = sum * rho + relation
  }
  const close = (index: number): void => {
    total += row(index) * sum
    sum = 0n
  }
  const double = ({ x, y }: Point): Point => {
    const slope = next()
    relate(2n * slope * y - 3n * x * x + 3n)
    return along(slope, { x, y }, x)
  }
  /** Of points that are neither equal nor opposite. */
  const addDistinct = (a: Point, b: Point): Point => {
    const slope = next()
    relate(slope * (b.x - a.x) - (b.y - a.y))
    return along(slope, a, b.x)
  }
  const add = (a: Point, b: Point): Point => {
    const slope = next()
    relate(slope * (b.x - a.x) - (b.y - a.y))
    relate(slope * (a.y + b.y) - (a.x * a.x + a.x * b.x + b.x * b.x - 3n))
    return along(slope, a, b.x)
  }
  const multiples = (point: Point): Point[] => {
    relate(point.y ** 2n - point.x ** 3n + 3n * point.x - B)
    const twice = double(point)
    const points = [point]
    for (let i = 1; i < KEY_MULTIPLES; i++) points.push(addDistinct(points[i - 1] as Point, twice))
    return points
  }

  const tables = [replay.r, replay.q].map((point, index) => {
    const points = multiples(point)
    close(index)
    return points
  })
  const all = [...tables, ...replay.bases]
  let point = replay.offset
  for (const [index, { doublings, table, index: multiple, negative }] of replay.operations.entries()) {
    for (let i = 0; i < doublings; i++) point = double(point)
    const { x, y } = all[table]?.[multiple] ?? G
    point = add(point, { x, y: negative ? -y : y })
    close(FIRST_ROW + 2 * index)
  }
  relate(point.x - replay.end.x)
  relate(point.y - replay.end.y)
  close(2)
  return total
}

function along(slope: bigint, { x, y }: Point, other: bigint): Point {
  const sum = slope * slope - x - other
  return { x: sum, y: slope * (x - sum) - y }
}
