import { hashTypedData, type Hex as ViemHex } from 'viem'
import { expect, test } from 'vitest'
import { createBundle, receiptKey } from '../../test/mock-authority/index.ts'
import { highSReceipt } from '../test/p256.ts'
import { type Hex, RECEIPT_FIELDS, type Receipt, receiptId, recoverSigner, signReceipt } from './index.ts'

const bundle = createBundle()
const { receipt, signature } = bundle
const domain = { chainId: bundle.chainId, registry: bundle.registry }

test('the id is what a wallet library computes for the typed data', () => {
  const digest = hashTypedData({
    domain: {
      name: 'Nacre',
      version: '1',
      chainId: domain.chainId,
      verifyingContract: domain.registry as ViemHex,
    },
    types: { Receipt: RECEIPT_FIELDS.map(([name, type]) => ({ name, type })) },
    primaryType: 'Receipt',
    message: receipt,
  })
  expect(receiptId(domain, receipt)).toBe(digest)
})

test('signing is deterministic, recovery gives the signer', () => {
  expect(signReceipt(domain, receipt, receiptKey)).toBe(signature)
  expect(recoverSigner(domain, receipt, signature)).toBe(bundle.identity.receiptKey)
})

test.each<[string, Hex]>([
  ['the high-s twin', highSReceipt(signature)],
  ['v 0', `${signature.slice(0, -2) as Hex}00`],
  ['v 29', `${signature.slice(0, -2) as Hex}1d`],
  ['64 bytes', signature.slice(0, -2) as Hex],
  ['zero r and s', `0x${'00'.repeat(64)}1b`],
  ['r beyond the order', `0x${'ff'.repeat(32)}${signature.slice(66)}`],
])('%s is no signature', (_, bad) => {
  expect(() => recoverSigner(domain, receipt, bad)).toThrow(
    expect.objectContaining({ code: 'invalid-signature' }),
  )
})

test('fields out of range and bad keys are refused', () => {
  const change = (fields: Partial<Receipt>) => () => receiptId(domain, { ...receipt, ...fields })
  expect(change({ version: 65_536 })).toThrow(expect.objectContaining({ code: 'integer-out-of-range' }))
  expect(change({ status: -1 })).toThrow(expect.objectContaining({ code: 'integer-out-of-range' }))
  expect(change({ status: 0.5 })).toThrow(expect.objectContaining({ code: 'integer-out-of-range' }))
  expect(change({ sequence: 2n ** 64n })).toThrow(expect.objectContaining({ code: 'integer-out-of-range' }))
  expect(change({ artifact: '0x00' })).toThrow(expect.objectContaining({ code: 'invalid-hex' }))
  for (const key of [new Uint8Array(32), new Uint8Array(31).fill(1), new Uint8Array(32).fill(255)]) {
    expect(() => signReceipt(domain, receipt, key)).toThrow(expect.objectContaining({ code: 'invalid-key' }))
  }
})
