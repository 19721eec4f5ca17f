import { expect, test } from 'vitest'
import { tinyEverything } from '../../../../vectors/zk/everything.ts'
import { type Proven, prove } from '../../../../vectors/zk/proven.ts'
import { type Tiny, tinyAttention, tinyPictures, tinyRegression } from '../../../../vectors/zk/tiny.ts'
import type { Mode } from '../graph/graph.ts'
import { layoutOf } from '../graph/layout.ts'
import { QUERIES } from '../graph/limits.ts'
import { randomInput, randomOf } from '../graph/randomGraph.ts'
import { transformer } from '../graph/samples.ts'
import { prove as proveFast, registerWeights } from '../prover/prove.ts'
import { verifyZk } from './verify.ts'

type Provable = Pick<Proven, 'proof' | 'statement'>
/** `each`: of the columns and hashes, one word in so many. */
type Case = { name: string; make: () => Provable | Promise<Provable>; mode: Mode; each: number }

const long = process.env.NACRE_LONG === '1'
const slow = (make: () => Tiny, mode: Mode): Case => ({
  name: make.name,
  make: () => prove(make(), mode),
  mode,
  each: long ? 1 : 31,
})
const everywhere = [tinyEverything, tinyRegression, tinyPictures, tinyAttention]
const cases: Case[] = long
  ? [
      ...everywhere.flatMap(make => ([0, 1] as const).map(mode => slow(make, mode))),
      // All of its words were refused once, in ten minutes.
      { name: 'a transformer block', make: transformerBlock, mode: 0, each: 3 },
    ]
  : [slow(tinyEverything, 0)]

/** Of the import's shape and a smaller size, by the prover that users have. */
async function transformerBlock(): Promise<Provable> {
  const { graph, weights } = transformer({ tokens: 8, d: 16, heads: 2, hidden: 32 })
  const model = await registerWeights(graph, weights)
  const input = randomInput(randomOf(1), graph, 1)
  const { proof, outputs } = await proveFast(model, input, 1)
  return { proof, statement: { graph, weights: { id: model.weightsIds[0]! }, batch: 1, input, outputs } }
}

// Without --long one word of each element before the queries, and of the many columns and hashes behind them one in 31, which is
// no divisor of a column's or a path's length.
test.each(cases)(
  '$name in mode $mode: every word that is one more is refused',
  async ({ make, mode, each }) => {
    const { proof, statement } = await make()
    const { d, w } = layoutOf(statement.graph, statement.batch, mode)
    const answers = [d, w].reduce(
      (size, m) => size + (m ? 2048 + QUERIES * (4 * m.rows + 32 * (m.c - 4)) : 0),
      0,
    )
    const step = (at: number): number => 4 * (at >= proof.length - answers ? each : long ? 1 : 3)
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
