/**
 * How many pictures are read, refused and misread: the figures of README.md.
 *
 *     npx node examples/invoice-escrow/measure.ts [COUNT] [FIRST_SEED]
 */
import { decodeTensor } from '@nacre/verify'
import type { Session } from '../../enclave/src/artifactTypes.ts'
import { openPipeline } from '../../enclave/src/pipelines/open.ts'
import { Refusal } from '../../enclave/src/refusal.ts'
import { buildArtifact } from './artifact.ts'
import { drawPage, makeLook } from './pictures/draw.ts'
import { makeInvoice, rowsOf } from './pictures/invoice.ts'
import { createRandom } from './pictures/random.ts'

export type Counts = { read: number; refused: string[]; misread: string[] }

/** Amount, currency and confidence of a picture, or why it is refused. */
export async function readPicture(pipeline: Session, picture: Uint8Array): Promise<number[] | string> {
  try {
    return Array.from(decodeTensor(await pipeline.run(picture)).data as BigInt64Array, Number)
  } catch (error) {
    if (error instanceof Refusal) return error.message
    throw error
  }
}

/** Draws a picture a seed, of the last `lines` lines of an invoice, and reads it. */
export async function measure(
  pipeline: Session,
  { count, firstSeed, lines }: { count: number; firstSeed: number; lines: number },
): Promise<Counts> {
  const counts: Counts = { read: 0, refused: [], misread: [] }
  for (let seed = firstSeed; seed < firstSeed + count; seed++) {
    const random = createRandom(seed)
    const invoice = makeInvoice(random)
    const rows = rowsOf(invoice).slice(-lines)
    const answer = await readPicture(pipeline, drawPage(rows, makeLook(random), random))
    if (typeof answer === 'string') counts.refused.push(`${seed}: ${answer}`)
    else if (answer[0] === invoice.total && answer[1] === invoice.currency.numeric) counts.read++
    else counts.misread.push(`${seed}: ${answer}, and it is ${invoice.total}, ${invoice.currency.code}`)
  }
  return counts
}

if (import.meta.main) {
  const [count = '200', firstSeed = '1'] = process.argv.slice(2)
  const { read, refused, misread } = await measure(await openPipeline(buildArtifact()), {
    count: Number(count),
    firstSeed: Number(firstSeed),
    lines: Number.POSITIVE_INFINITY,
  })
  for (const line of [...refused, ...misread]) console.log(line)
  console.log(`${read} read, ${refused.length} refused, ${misread.length} misread`)
}
