import {
  append,
  batchLeaf,
  type EnclaveConfig,
  type Frontier,
  type Hex,
  keccak256,
  receiptId,
  recoverBatchSigner,
  requestId,
  reservationId,
  rootOf,
  signVoucher,
  ZERO_ADDRESS,
  ZERO_HASH,
} from '@nacre/verify'
import { expect, test } from 'vitest'
import { createSigner } from './answer.ts'
import { ENGINE } from './engineName.ts'
import type { Job, Payment } from './job.ts'
import { makeReceiptKey } from './keys.ts'
import { createTallies } from './tally.ts'

const address = (digit: string): Hex => `0x${digit.repeat(40)}`
const hash = (digit: string): Hex => `0x${digit.repeat(64)}`
const config: EnclaveConfig = {
  version: 1,
  chainId: 31_337n,
  registry: address('b'),
  operator: address('c'),
  releaseId: hash('1'),
  maxInput: 1000,
  maxOutput: 1000,
}
const payer = makeReceiptKey()
const balances = address('a')
const terms = {
  payer: address('d'),
  signer: payer.address,
  operator: config.operator,
  token: ZERO_ADDRESS,
  releaseId: config.releaseId,
  assurance: 1,
  salt: 0n,
}
const input = Uint8Array.of(1, 2, 3)
type PaidJob = Job & { payment: Payment }

/** A job with a voucher that its payer signed for exactly it. */
function paid(index: bigint, changes: Partial<Payment> = {}, price = 10n): PaidJob {
  const origin = { type: 'client' as const, nonce: hash('2') }
  const payment = { balances, terms, index, maxPrice: 10n, first: index, ...changes }
  const domain = { chainId: config.chainId, balances: payment.balances }
  const voucher = {
    reservation: reservationId(domain, payment.terms),
    index,
    requestId: requestId(config.chainId, origin),
    artifact: hash('3'),
    inputHash: keccak256(input),
    maxOutput: 100,
    maxPrice: payment.maxPrice,
  }
  return {
    origin,
    artifact: voucher.artifact,
    input,
    anchor: { number: 1n, hash: ZERO_HASH },
    maxOutput: voucher.maxOutput,
    usage: { units: 1n, price, errorPrice: price / 10n, token: ZERO_ADDRESS },
    payment: { ...payment, signature: signVoucher(domain, voucher, payer.privateKey), ...changes },
  }
}

function world() {
  const key = makeReceiptKey()
  const tallies = createTallies(key, config)
  const answer = createSigner(key, config, ENGINE)
  const count = (job: PaidJob, status = 0) => {
    const signed = answer(job, { status, output: Uint8Array.of(9) })
    return { ...tallies.count(job.payment, signed), receipt: signed.receipt }
  }
  return { key, tallies, count }
}

const code = (wanted: string) => expect.objectContaining({ code: wanted })

test('a voucher for the job is accepted', () => {
  expect(() => world().tallies.check(paid(0n))).not.toThrow()
})

test.each<[string, (job: PaidJob) => PaidJob]>([
  [
    'an answer to a relay',
    job => ({ ...job, origin: { type: 'relay', relay: address('1'), consumer: address('2'), nonce: 0n } }),
  ],
  ['another request', job => ({ ...job, origin: { type: 'client', nonce: hash('4') } })],
  ['another artifact', job => ({ ...job, artifact: hash('4') })],
  ['another input', job => ({ ...job, input: Uint8Array.of(1) })],
  ['a smaller output', job => ({ ...job, maxOutput: 1 })],
  ['another token', job => ({ ...job, usage: { ...job.usage, token: address('7') } })],
  ['more than agreed', job => ({ ...job, usage: { ...job.usage, price: 11n } })],
  ['a dear error', job => ({ ...job, usage: { ...job.usage, errorPrice: 2n } })],
  ['another index', job => ({ ...job, payment: { ...job.payment, index: 1n } })],
  ['a higher price signed for', job => ({ ...job, payment: { ...job.payment, maxPrice: 11n } })],
  ['another contract', job => ({ ...job, payment: { ...job.payment, balances: address('8') } })],
  [
    'a signature that is none',
    job => ({ ...job, payment: { ...job.payment, signature: `0x${'00'.repeat(65)}` } }),
  ],
  ['a batch that begins later', job => ({ ...job, payment: { ...job.payment, first: 1n } })],
  ['an operator that is another', () => paid(0n, { terms: { ...terms, operator: address('e') } })],
  ['a release that is another', () => paid(0n, { terms: { ...terms, releaseId: hash('e') } })],
  ['a signer that the host names', () => paid(0n, { terms: { ...terms, signer: address('e') } })],
])('%s is refused', (_, change) => {
  expect(() => world().tallies.check(change(paid(0n)))).toThrow(code('voucher-refused'))
})

test('answers are counted into a batch that the key signs each time', () => {
  const { key, count } = world()
  let frontier: Frontier = []
  let total = 0n
  for (const [i, index] of [3n, 4n, 9n].entries()) {
    const status = i === 1 ? 1 : 0
    const { batch, signature, receipt } = count(paid(index, { first: 3n }), status)
    const price = status === 0 ? 10n : 1n
    total += price
    frontier = append(frontier, batchLeaf({ receiptId: receiptId(config, receipt), index, price }))
    expect(batch).toMatchObject({ first: 3n, last: index, count: i + 1, total, root: rootOf(frontier) })
    expect(batch.reservation).toBe(reservationId({ chainId: config.chainId, balances }, terms))
    expect(recoverBatchSigner(config, batch, signature)).toBe(key.address)
  }
})

test('an index that was counted is not counted again in its batch; a new batch begins where the host says', () => {
  const { count } = world()
  expect(() => count(paid(5n, { first: 3n }))).toThrow(code('voucher-order'))
  count(paid(3n))
  count(paid(5n, { first: 3n }))
  expect(() => count(paid(5n, { first: 3n }))).toThrow(code('voucher-order'))
  expect(() => count(paid(4n, { first: 3n }))).toThrow(code('voucher-order'))
  expect(() => count(paid(6n, { first: 4n }))).toThrow(code('voucher-order'))
  expect(count(paid(4n)).batch).toMatchObject({ first: 4n, last: 4n, count: 1, total: 10n })
})

test('reservations are counted apart', () => {
  const { count } = world()
  count(paid(0n))
  expect(count(paid(0n, { terms: { ...terms, salt: 1n } })).batch.count).toBe(1)
  expect(count(paid(1n, { first: 0n })).batch.count).toBe(2)
})
