import { B, DOUBLINGS, F, N, S, TABLES_OF_G } from './curve.ts'
import type { Hint, Operation, Statement } from './hint.ts'

/** Sections 3 and 4 over the integers: nothing here is ever reduced. */
export type Where = 'R' | 'Q' | 'main'
export type Relation = {
  name: 'curve' | 'double' | 'add1' | 'add2' | 'endX' | 'endY'
  where: Where
  value: bigint
}
export type Scalars = { v: bigint; w: bigint; g0: bigint; g1: bigint }
type Pair = readonly [bigint, bigint]

/** What a mutant of the contract may compute in another way. */
export type Entry = (tables: readonly (readonly Pair[])[], operation: Operation) => Pair
/** Where the accumulator starts and ends. */
export type Offset = { start: Pair; end: Pair }
export type Replay = { rows: Relation[][]; tables: Pair[][] }

export const OFFSET: Offset = { start: S, end: F }

export function scalarsOf(operations: Operation[]): Scalars {
  const sums = [0n, 0n, 0n, 0n]
  let left = DOUBLINGS
  for (const { doublings, subtract, table, index } of operations) {
    left -= doublings
    const term = left < 0 ? 0n : BigInt(2 * index + 1) << BigInt(left)
    sums[table] = (sums[table] ?? 0n) + (subtract ? -term : term)
  }
  const [v = 0n, w = 0n, g0 = 0n, g1 = 0n] = sums
  return { v, w, g0, g1 }
}

const inTables: Entry = (tables, { table, index }) => {
  const entry = tables[table]?.[index]
  if (!entry) throw new Error(`no entry ${index} in table ${table}`)
  return entry
}

/** All relations: the rows of R, of Q, of each operation, and the end. The indices must be in range. */
export function replay(
  statement: Statement,
  hint: Hint,
  entry: Entry = inTables,
  offset: Offset = OFFSET,
): Replay {
  const slopes = hint.slopes.values()
  const next = (): bigint => slopes.next().value ?? 0n
  const ofR: Pair = [statement.r + (hint.flags === 0 ? 0n : N), hint.y]
  const tableOfR = table('R', ofR, next)
  const tableOfQ = table('Q', [statement.qx, statement.qy], next)
  const tables = [tableOfR.entries, tableOfQ.entries, ...TABLES_OF_G].map(t => [...t])

  const rows = [tableOfR.row, tableOfQ.row]
  let a: Pair = offset.start
  for (const operation of hint.operations) {
    const row: Relation[] = []
    for (let i = 0; i < operation.doublings; i++) a = double('main', a, next(), row)
    const [x, y] = entry(tables, operation)
    a = addition('main', a, [x, operation.subtract ? -y : y], next(), row)
    rows.push(row)
  }
  rows.push([
    { name: 'endX', where: 'main', value: a[0] - offset.end[0] },
    { name: 'endY', where: 'main', value: a[1] - offset.end[1] },
  ])
  return { rows, tables }
}

function table(where: Where, [x, y]: Pair, next: () => bigint): { entries: Pair[]; row: Relation[] } {
  const row: Relation[] = [{ name: 'curve', where, value: y * y - x * x * x + 3n * x - B }]
  const twice = double(where, [x, y], next(), row)
  const entries: Pair[] = [[x, y]]
  for (let i = 1; i < 8; i++) entries.push(addition(where, entries[i - 1]!, twice, next(), row))
  return { entries, row }
}

function double(where: Where, [x, y]: Pair, slope: bigint, row: Relation[]): Pair {
  row.push({ name: 'double', where, value: 2n * slope * y - 3n * x * x + 3n })
  const x2 = slope * slope - 2n * x
  return [x2, slope * (x - x2) - y]
}

function addition(where: Where, [x1, y1]: Pair, [x2, y2]: Pair, slope: bigint, row: Relation[]): Pair {
  row.push({ name: 'add1', where, value: slope * (x2 - x1) - (y2 - y1) })
  // in a table no two points are equal: the chord's relation is enough
  if (where === 'main')
    row.push({ name: 'add2', where, value: slope * (y1 + y2) - (x1 * x1 + x1 * x2 + x2 * x2 - 3n) })
  const x = slope * slope - x1 - x2
  return [x, slope * (x1 - x) - y1]
}
