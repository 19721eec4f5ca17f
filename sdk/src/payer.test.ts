import { type Hex, recoverVoucherSigner, requestId, ZERO_ADDRESS } from '@nacre/verify'
import { privateKeyToAddress } from 'viem/accounts'
import { expect, test } from 'vitest'
import { createPayer, fetchSettlement, signWithKey, type WirePayment } from './payer.ts'

const key = new Uint8Array(32).fill(7)
const address = (digit: string): Hex => `0x${digit.repeat(40)}`
const hash = (digit: string): Hex => `0x${digit.repeat(64)}`
const domain = { chainId: 31_337n, balances: address('a') }
const signer = privateKeyToAddress(`0x${'07'.repeat(32)}`).toLowerCase() as Hex
const terms = {
  payer: address('d'),
  signer,
  operator: address('c'),
  token: ZERO_ADDRESS,
  releaseId: hash('1'),
  assurance: 1,
  salt: 0n,
}
const question = { nonce: hash('2'), artifact: hash('3'), input: '0x0102' as Hex }

/** An operator that answers every call like this, and counts them. */
function operatorOf(answer: unknown) {
  const calls: string[] = []
  const send: typeof fetch = async url => {
    calls.push(new URL(String(url)).pathname)
    return new Response(JSON.stringify(answer))
  }
  return { calls, url: 'http://operator.test', fetch: send }
}

const newPayer = () => createPayer({ domain, terms, maxPrice: 10n, sign: signWithKey(domain, key) })

test('questions that are asked at once have an index each, and one is answered before the next is signed', async () => {
  const operator = operatorOf({ nextIndex: 5 })
  const payer = newPayer()
  let asking = 0
  const ask = async (payment: WirePayment): Promise<number> => {
    expect(++asking).toBe(1)
    await new Promise(resolve => setTimeout(resolve, 5))
    asking--
    return payment.index
  }
  const answers = await Promise.all([1, 2, 3].map(() => payer.pay(operator, question, ask)))
  expect(answers).toEqual([5, 6, 7])
  expect(operator.calls).toHaveLength(1)
})

test('after a failure the operator is asked for the next index again, and the next question is asked', async () => {
  const operator = operatorOf({ nextIndex: 5 })
  const payer = newPayer()
  const failed = payer.pay(operator, question, () => Promise.reject(new Error('cut off')))
  const next = payer.pay(operator, question, async ({ index }) => index)
  await expect(failed).rejects.toThrow('cut off')
  expect(await next).toBe(5)
  expect(operator.calls).toHaveLength(2)
})

test('a voucher is for exactly this question, and of the signer', async () => {
  const payer = newPayer()
  const { index, maxOutput, maxPrice, signature } = await payer.pay(
    operatorOf({ nextIndex: 0 }),
    question,
    async payment => payment,
  )
  const voucher = {
    reservation: payer.reservation,
    index: BigInt(index),
    requestId: requestId(domain.chainId, { type: 'client', nonce: question.nonce }),
    artifact: question.artifact,
    inputHash: '0x22ae6da6b482f9b1b19b0b897c3fd43884180a1c5ee361e1107a1bc635649dda' as Hex,
    maxOutput,
    maxPrice: BigInt(maxPrice),
  }
  expect(recoverVoucherSigner(domain, voucher, signature)).toBe(signer)
})

test.each([undefined, null, -1, 0.5, '3', Number.MAX_SAFE_INTEGER])(
  'an operator that says the next index is %s has no voucher signed',
  async nextIndex => {
    const paid = newPayer().pay(operatorOf({ nextIndex }), question, async payment => payment)
    await expect(paid).rejects.toMatchObject({ code: 'bad-answer' })
  },
)

const settlement = { reservation: hash('4'), index: 0, price: '1', root: hash('5'), proof: [] }
test.each<[string, unknown]>([
  ['nothing', null],
  ['an index below zero', { ...settlement, index: -1 }],
  ['an index that no voucher has', { ...settlement, index: Number.MAX_SAFE_INTEGER }],
  ['a price beyond 256 bits', { ...settlement, price: '9'.repeat(78) }],
  ['a proof that is none', { ...settlement, proof: ['0x00'] }],
  ['a proof that is too long', { ...settlement, proof: Array(33).fill(hash('6')) }],
  ['a proof of something else', settlement],
])('a settlement with %s is a bad answer', async (_, answer) => {
  const asked = fetchSettlement(operatorOf(answer), {
    client: undefined as never,
    balances: domain.balances,
    receiptId: hash('7'),
  })
  await expect(asked).rejects.toMatchObject({ code: 'bad-answer' })
})
