import type { Hex } from '@nacre/verify'
import { expect, test } from 'vitest'
import { createNonces } from './nonces.ts'

const nonceOf = (i: number): Hex => `0x${i.toString(16).padStart(64, '0')}`

test('each is taken once, as many as there is room for, and then none', () => {
  const nonces = createNonces(1000)
  for (let i = 0; i < 1000; i++) nonces.take(nonceOf(i))
  for (let i = 0; i < 1000; i++)
    expect(() => nonces.take(nonceOf(i))).toThrow(expect.objectContaining({ code: 'nonce_used' }))
  nonces.require(nonceOf(1000))
  expect(() => nonces.require(nonceOf(1))).toThrow(expect.objectContaining({ code: 'nonce_used' }))
  expect(() => nonces.take(nonceOf(1000))).toThrow(expect.objectContaining({ code: 'nonces_exhausted' }))
})

test('drawn ones are of 32 bytes and differ', () => {
  const nonces = createNonces(8)
  const [one, two] = [nonces.draw(), nonces.draw()]
  expect(one).toMatch(/^0x[0-9a-f]{64}$/)
  expect(one).not.toBe(two)
})
