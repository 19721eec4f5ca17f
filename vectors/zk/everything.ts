import { createBuilder } from '../../proofs/src/zk/import/builder.ts'
import type { Tiny } from './tiny.ts'

/** Every operator once, as small as can be: a slow proof takes a tenth of a second. */
export function tinyEverything(): Tiny {
  const builder = createBuilder({ dims: [2, 3, 3], lo: -2, hi: 1 })
  const conv = builder.conv(0, pattern([2, 2, 2, 2]), pattern([2]), { stride: [1, 2], pads: [0, 1, 1, 0] })
  const relu = builder.lookup(conv, 1, 1, { clamp: [0, 3] })
  const pairs = builder.unfold(relu, [2, 1], { stride: [1, 1], pads: [0, 0, 0, 0] })
  const both = builder.add(builder.max(pairs, 2), builder.sum(pairs, 2), 2, -1)
  const flat = builder.reshape(both, [8])
  const table = builder.table([-2, 1, 2, 1])
  const wide = builder.lookup(builder.dense(flat, pattern([3, 8])), 1, 0, { table })
  const column = builder.reshape(wide, [3, 1])
  const outer = builder.permute(builder.matmul(column, column, true), [1, 0])
  const product = builder.mul(outer, wide)
  const rows = builder.reshape(builder.add(product, outer, 1, 3), [9])
  return {
    ...builder.finish([rows, builder.argmax(wide)]),
    batch: 2,
    input: Int32Array.from(pattern([2, 2, 3, 3], -2, 1).values),
  }
}

/** Integers that repeat at no dimension's length. */
function pattern(dims: number[], lo = -1, hi = 1) {
  const length = dims.reduce((n, dim) => n * dim, 1)
  return {
    dims,
    values: Int32Array.from({ length }, (_, i) => lo + (((i * i + 3 * i) % 11) % (hi - lo + 1))),
  }
}
