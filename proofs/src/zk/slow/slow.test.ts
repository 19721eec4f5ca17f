import { expect, test } from 'vitest'
import { tinyAttention, tinyPictures, tinyRegression } from '../../../../vectors/zk/tiny.ts'
import { layoutOf } from '../graph/layout.ts'
import { checkGraph, checkWeights } from '../graph/ranges.ts'
import { proveSlowly } from './prove.ts'

const cases = [tinyRegression, tinyPictures, tinyAttention].flatMap(make =>
  ([0, 1] as const).map(mode => ({ name: make.name, mode, make })),
)

// The prover makes every check of the verifier's on its own messages and throws where one fails.
test.each(cases)(
  '$name in mode $mode: graph/layout.ts and this folder derive the same layout',
  ({ make, mode }) => {
    const tiny = make()
    checkGraph(tiny.graph)
    checkWeights(tiny.graph, tiny.weights)
    const { layout, proof } = proveSlowly({ ...tiny, mode })
    const theirs = layoutOf(tiny.graph, tiny.batch, mode)
    expect(proof.length).toBe(theirs.proofSize)
    expect(theirs.columns).toMatchObject(layout.columns)
    expect(
      theirs.lookups.map(({ node, table, size, offset }) => ({ node, id: table + 1, size, offset })),
    ).toEqual(layout.lookups)
    expect(
      theirs.tables.map(({ size, offset, multiplicities }) => ({ size, offset, multiplicities })),
    ).toEqual(layout.tables.map(({ size, offset, multiplicities }) => ({ size, offset, multiplicities })))
    expect(theirs.parameters).toEqual(layout.parameters)
    expect(theirs.tensors.map(({ dims, size }) => ({ dims, size }))).toEqual(layout.shapes)
    expect([theirs.d, theirs.w]).toMatchObject([layout.D, layout.W])
  },
)
