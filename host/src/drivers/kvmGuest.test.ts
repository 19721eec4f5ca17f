import { expect, test } from 'vitest'
import { assemble, sourceHash } from '../../scripts/kvmGuest.ts'
import { KVM_GUEST, SOURCE_SHA256 } from './kvmGuest.ts'

test('the bytes that are booted are of kvmGuest.S as it is', async () => {
  expect(SOURCE_SHA256).toBe(await sourceHash())
  // Where there are no GNU binutils, that the source has not changed has to do.
  const assembled = await assemble().catch(error => {
    if (error.code === 'ENOENT') return KVM_GUEST
    throw error
  })
  expect(Buffer.from(assembled).toString('hex')).toBe(Buffer.from(KVM_GUEST).toString('hex'))
})
