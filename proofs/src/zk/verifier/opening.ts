/** Opening a committed vector at many points (docs/zk-soundness.md, section 5). */
import { equalBytes } from '@nacre/verify/bytes'
import type { Item, MatrixShape } from '../graph/graph.ts'
import { CAP_BITS, QUERIES, RATE_BITS } from '../graph/limits.ts'
import type { Channel } from './channel.ts'
import type { Checks } from './checks.ts'
import { encodeRow } from './encodeRow.ts'
import { dot, equal, type K, mul, powers } from './field.ts'
import { leadsTo, leafHash, rootOf } from './merkle.ts'
import { eq, eqAt, eqTable, weighted } from './points.ts'
import { DIGEST_SIZE, type Reader, wordsOf } from './reader.ts'
import { sumcheck } from './sumcheck.ts'
import type { Draw } from './transcript.ts'

/** A vector of a packing has this extension at this point. */
export type VectorClaim = { item: Item; point: readonly K[]; value: K }

/** What the queries have to confirm: that the rows, weighted, are the row that was sent. */
export type Opening = { name: string; shape: MatrixShape; root: Uint8Array; rowWeights: K[]; codeword: K[] }

/** Steps 1 to 4: all claims become one about a combination of rows, which the prover sends. */
export function openClaims(
  channel: Channel,
  checks: Checks,
  matrix: { name: string; shape: MatrixShape; root: Uint8Array },
  claims: readonly VectorClaim[],
): Opening {
  const { name, shape } = matrix
  const gammas = powers(channel.challenge('open').element(), claims.length)
  const values = claims.map(claim => claim.value)
  const { point, claim } = sumcheck(channel, dot(gammas, values), shape.mu, 2)
  const [delta] = channel.receive('value', 1) as [K]
  const weights = claims.map(({ item, point: r }) => itemEq(item, r, point))
  checks.ensure(
    `${name}-values`,
    equal(claim, mul(delta, dot(gammas, weights))),
    `${claims.length} values are the committed vector's at their points`,
  )
  const row = channel.receive('row', 2 ** shape.c)
  const rowBits = shape.mu - shape.c
  const columnWeights = eqTable(point.slice(rowBits))
  checks.ensure(`${name}-row`, equal(dot(row, columnWeights), delta), 'the row has the value of the vector')
  const rowWeights = eqTable(point.slice(0, rowBits), shape.rows)
  return { ...matrix, rowWeights, codeword: encodeRow(row) }
}

/** eq((π, r), z), π being the first bits of the item's offset. */
function itemEq({ offset, size }: Item, r: readonly K[], z: readonly K[]): K {
  const prefix = z.length - r.length
  return mul(eqAt(z.slice(0, prefix), offset / size), eq(r, z.slice(prefix)))
}

/** The positions of an opening's queries. */
export function drawPositions(draw: Draw, { codeword }: Opening): number[] {
  return Array.from({ length: QUERIES }, () => draw.position(codeword.length))
}

/** Step 5: every column asked for is the committed one, and agrees with the row that was sent. */
export function checkColumns(reader: Reader, checks: Checks, opening: Opening, positions: number[]): void {
  const { name, shape, root, rowWeights, codeword } = opening
  const top = reader.bytes(2 ** CAP_BITS * DIGEST_SIZE)
  checks.ensure(`${name}-root`, equalBytes(rootOf(top), root), `${2 ** CAP_BITS} nodes lead to the root`)
  const pathSize = (shape.c + RATE_BITS - CAP_BITS) * DIGEST_SIZE
  const asked = positions.map(position => {
    const start = reader.offset()
    const column = reader.bytes(4 * shape.rows)
    const words = wordsOf(column, start)
    return {
      committed: leadsTo(top, leafHash(position, column), position, reader.bytes(pathSize)),
      agrees: equal(weighted(words, rowWeights), codeword[position]!),
    }
  })
  const holds = (what: 'committed' | 'agrees'): boolean => asked.every(column => column[what])
  checks.ensure(`${name}-paths`, holds('committed'), `${positions.length} columns lead to the root`)
  checks.ensure(`${name}-columns`, holds('agrees'), `${positions.length} columns agree with the row`)
}
