import { decodeTensor } from '@nacre/verify'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Session } from '../../enclave/src/artifactTypes.ts'
import { openPipeline } from '../../enclave/src/pipelines/open.ts'
import { buildArtifact } from './artifact.ts'
import { measure, readPicture } from './measure.ts'
import { drawPage, PLAIN } from './pictures/draw.ts'
import type { Row } from './pictures/invoice.ts'
import { createRandom } from './pictures/random.ts'

// The pipeline as the engine's process runs it, on pictures that are drawn here.

const PICTURES = 200
/** 200 pictures of three lines take 25 s of one core; a loaded or slow machine takes many times that. */
const LONG = 600_000

let pipeline: Session
beforeAll(async () => {
  pipeline = await openPipeline(buildArtifact())
})

const read = (picture: Uint8Array) => readPicture(pipeline, picture)

test(
  `of ${PICTURES} pictures at least 90 % are read, the rest refused, none misread`,
  async () => {
    const { refused, misread } = await measure(pipeline, { count: PICTURES, firstSeed: 1, lines: 3 })
    expect(misread).toEqual([])
    expect(refused.length, refused.join('\n')).toBeLessThanOrEqual(0.1 * PICTURES)
  },
  LONG,
)

const draw = (rows: Row[], look = PLAIN) => drawPage(rows, look, createRandom(1))
const total = (right: string, left = 'Total'): Row => ({ left, right, isTotal: true })
const SELLER: Row = { left: 'Harbour Glass Ltd' }

test('a plain picture is read, with its confidence', async () => {
  const [amount, currency, confidence] = (await read(draw([SELLER, total('EUR 1,234.50')]))) as number[]
  expect([amount, currency]).toEqual([123_450, 978])
  expect(confidence).toBeGreaterThan(900)
  expect(confidence).toBeLessThanOrEqual(1000)
})

test('the answer is a tensor that a contract decodes: int64 [3]', async () => {
  const { dtype, dims } = decodeTensor(await pipeline.run(draw([SELLER, total('EUR 1.00')])))
  expect([dtype, dims]).toEqual(['int64', [3]])
})

test('the same picture gives the same answer', async () => {
  const picture = draw([SELLER, total('1.234,50 CHF')], { ...PLAIN, noise: 9, tilt: 1 })
  expect(await read(picture)).toEqual(await read(picture))
})

describe('refused', () => {
  test.each<[string, Row[], string]>([
    ['a euro sign alone', [SELLER, total('€1,234.50')], 'unclear-total'],
    ['a pound sign alone', [SELLER, total('£1,234.50')], 'unclear-total'],
    ['a yen sign', [SELLER, total('¥1,234.50')], 'unclear-total'],
    ['a dollar that may be any', [SELLER, total('$1,234.50')], 'unclear-total'],
    ['a currency without decimals', [SELLER, total('JPY 1,234.00')], 'unclear-total'],
    ['an amount without decimals', [SELLER, total('EUR 1,234')], 'unclear-total'],
    ['a negative amount', [SELLER, total('EUR -34.50')], 'unclear-total'],
    [
      'a credit note',
      [{ left: 'Credit note 17' }, total('EUR 34.50')],
      'unclear-total: it speaks of a credit',
    ],
    ['two totals', [total('EUR 34.50'), total('EUR 30.00', 'Amount due')], 'unclear-total: it names two'],
    [
      'a second total of another kind',
      [total('EUR 34.50'), total('EUR 30.00', 'Total for May')],
      'unclear-total',
    ],
    [
      'a sum that is none',
      [{ left: 'Subtotal', right: 'EUR 30.00' }, { left: 'VAT', right: 'EUR 4.00' }, total('EUR 34.50')],
      'unclear-total: net amount and tax',
    ],
    [
      'two currencies',
      [{ left: 'Subtotal', right: 'USD 30.00' }, total('EUR 34.50')],
      'unclear-total: it names two',
    ],
    ['no total', [SELLER, { left: 'Oak shelf', right: 'EUR 34.50' }], 'no-total'],
    ['a subtotal alone', [SELLER, { left: 'Subtotal', right: 'EUR 34.50' }], 'no-total'],
    ['an empty page', [{ left: ' ' }, { left: ' ' }], 'no-total'],
    [
      'too much text',
      Array(60).fill({ left: 'Lorem ipsum dolor sit amet, consectetur elit' }),
      'too-much-text',
    ],
  ])('%s', async (_, rows, reason) => {
    expect(await read(draw(rows))).toMatch(reason)
  })

  test.each<[string, Uint8Array]>([
    ['no picture', Buffer.from('EUR 12.00')],
    ['upside down', draw([SELLER, total('EUR 34.50')], { ...PLAIN, tilt: 180 })],
    ['on its side', draw([SELLER, total('EUR 34.50')], { ...PLAIN, tilt: 20 })],
    ['tiny letters', draw([SELLER, total('EUR 34.50')], { ...PLAIN, size: 6 })],
    ['nothing but noise', draw([SELLER, total('EUR 34.50')], { ...PLAIN, specks: 0.5 })],
    ['hardly any ink', draw([SELLER, total('EUR 34.50')], { ...PLAIN, ink: 235 })],
  ])('%s', async (_, picture) => {
    expect(await read(picture)).toMatch(
      /^(bad-picture|no-total|unclear-total|low-confidence|too-much-text): /,
    )
  })
})
