import { hashTypedData, verifyTypedData } from 'viem'
import { expect, test } from 'vitest'
import one from '../../vectors/batches/one.json' with { type: 'json' }
import { BATCH_FIELDS, type Batch, batchDigest, recoverBatchSigner } from './batch.ts'
import type { Hex } from './bytes.ts'
import { recoverVoucherSigner, VOUCHER_FIELDS, type Voucher, voucherDigest } from './voucher.ts'

const batch: Batch = {
  ...(one.batch as object as Batch),
  first: BigInt(one.batch.first),
  last: BigInt(one.batch.last),
  total: BigInt(one.batch.total),
}
const voucher: Voucher = {
  ...(one.voucher as object as Voucher),
  index: BigInt(one.voucher.index),
  maxPrice: BigInt(one.voucher.maxPrice),
}
const chainId = BigInt(one.chainId)
const registry = one.registry as Hex
const balances = one.balances as Hex

test('the digests are what a wallet library computes for the typed data', async () => {
  const domain = { name: 'Nacre', version: '1', chainId }
  const typesOf = (fields: readonly (readonly [string, string])[]) =>
    fields.map(([name, type]) => ({ name, type }))
  expect(batchDigest({ chainId, registry }, batch)).toBe(
    hashTypedData({
      domain: { ...domain, verifyingContract: registry },
      types: { Batch: typesOf(BATCH_FIELDS) },
      primaryType: 'Batch',
      message: batch,
    }),
  )
  const data = {
    domain: { ...domain, verifyingContract: balances },
    types: { Voucher: typesOf(VOUCHER_FIELDS) },
    primaryType: 'Voucher' as const,
    message: voucher,
  }
  expect(voucherDigest({ chainId, balances }, voucher)).toBe(hashTypedData(data))
  const signed = { ...data, address: one.terms.signer as Hex, signature: one.voucherSignature as Hex }
  expect(await verifyTypedData(signed)).toBe(true)
})

test('a field changed after signing has another signer', () => {
  const signed = one.batchSignature as Hex
  expect(recoverBatchSigner({ chainId, registry }, batch, signed)).toBe(one.receiptKey)
  for (const [field] of BATCH_FIELDS) {
    expect(recoverBatchSigner({ chainId, registry }, changed(batch, field), signed)).not.toBe(one.receiptKey)
  }
  const signature = one.voucherSignature as Hex
  expect(recoverVoucherSigner({ chainId, balances }, voucher, signature)).toBe(one.terms.signer)
  for (const [field] of VOUCHER_FIELDS) {
    const other = changed(voucher, field)
    expect(recoverVoucherSigner({ chainId, balances }, other, signature)).not.toBe(one.terms.signer)
  }
  expect(recoverVoucherSigner({ chainId, balances: registry }, voucher, signature)).not.toBe(one.terms.signer)
})

function changed<T extends Record<string, unknown>>(value: T, field: keyof T): T {
  const old = value[field]
  if (typeof old === 'string') return { ...value, [field]: `0x${'11'.repeat(32)}` }
  return { ...value, [field]: typeof old === 'bigint' ? old + 1n : (old as number) + 1 }
}
