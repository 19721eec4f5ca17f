/** Extensions of vectors of F (docs/zk-soundness.md section 1), whole or with some coordinates bound. */
import type { Address, Engine } from './engine.ts'
import { type K, ONE } from './field.ts'

/** The vector of cols elements of K that is left of rows × cols when the rows are bound to a point. */
export function bindRows(engine: Engine, vector: Address, rows: readonly K[], cols: number): Address {
  const dst = engine.vector(cols)
  engine.scoped(() => engine.kernels.dotRows(dst, vector, 2 ** rows.length, cols, engine.eqTable(rows, ONE)))
  return dst
}

/** The vector of `rows` elements of K that is left of rows × cols when the columns are bound to a point. */
export function bindColumns(engine: Engine, vector: Address, rows: number, cols: readonly K[]): Address {
  const dst = engine.vector(rows)
  engine.scoped(() => engine.kernels.dotCols(dst, vector, rows, 2 ** cols.length, engine.eqTable(cols, ONE)))
  return dst
}

/** The extension at a point: rows first, then the product with the columns' eq table. */
export function evaluate(engine: Engine, vector: Address, point: readonly K[]): K {
  return engine.scoped(() => {
    const split = Math.floor(point.length / 2)
    const cols = 2 ** (point.length - split)
    const row = bindRows(engine, vector, point.slice(0, split), cols)
    engine.kernels.dotExt(row, row, engine.eqTable(point.slice(split), ONE), cols)
    return engine.load(row)
  })
}
