import { expect, test } from 'vitest'
import { tinyEverything } from '../../../../vectors/zk/everything.ts'
import { prove } from '../../../../vectors/zk/proven.ts'
import { tinyAttention, tinyPictures, tinyRegression } from '../../../../vectors/zk/tiny.ts'
import { layoutOf } from '../graph/layout.ts'
import { QUERIES } from '../graph/limits.ts'
import { verifyZk } from './verify.ts'

const long = process.env.NACRE_LONG === '1'
const everywhere = [tinyEverything, tinyRegression, tinyPictures, tinyAttention]
const cases = long
  ? everywhere.flatMap(make => ([0, 1] as const).map(mode => ({ name: make.name, make, mode })))
  : [{ name: 'tinyEverything', make: tinyEverything, mode: 0 as const }]

// Without --long one word of each element before the queries, and of the many columns and hashes behind them one in 31, which is
// no divisor of a column's or a path's length.
test.each(cases)(
  '$name in mode $mode: every word that is one more is refused',
  ({ make, mode }) => {
    const { proof, statement } = prove(make(), mode)
    const { d, w } = layoutOf(statement.graph, statement.batch, mode)
    const answers = [d, w].reduce(
      (size, m) => size + (m ? 2048 + QUERIES * (4 * m.rows + 32 * (m.c - 4)) : 0),
      0,
    )
    const step = (at: number): number => (long ? 4 : at < proof.length - answers ? 4 * 3 : 4 * 31)
    const accepted: number[] = []
    for (let at = 12; at < proof.length; at += step(at)) {
      const other = proof.slice()
      const view = new DataView(other.buffer)
      view.setUint32(at, view.getUint32(at, true) + 1, true)
      try {
        if (verifyZk(other, statement).ok) accepted.push(at)
      } catch (error) {
        expect(error).toMatchObject({ code: 'zk-not-canonical' })
      }
    }
    expect(accepted).toEqual([])
  },
  900_000,
)
