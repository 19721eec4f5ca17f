import type { Hex } from '@nacre/verify'
import { expect, test } from 'vitest'
import { createNonces } from './nonces.ts'

const nonceOf = (i: number): Hex => `0x${i.toString(16).padStart(64, '0')}`
const code = (code: string): unknown => expect.objectContaining({ code })

test('each is used once, as many as there is room for, and then none', () => {
  const nonces = createNonces(1000)
  for (let i = 0; i < 1000; i++) nonces.hold(nonceOf(i)).keep()
  for (let i = 0; i < 1000; i++) expect(() => nonces.hold(nonceOf(i))).toThrow(code('nonce_used'))
  nonces.require(nonceOf(1000))
  expect(() => nonces.require(nonceOf(1))).toThrow(code('nonce_used'))
  expect(() => nonces.hold(nonceOf(1000))).toThrow(code('nonces_exhausted'))
})

test('one that is held is nobody else’s; dropped it may come again, and there is room as before', () => {
  const nonces = createNonces(2)
  for (let i = 0; i < 10_000; i++) nonces.hold(nonceOf(i)).drop()
  const held = nonces.hold(nonceOf(1))
  expect(() => nonces.hold(nonceOf(1))).toThrow(code('nonce_used'))
  expect(() => nonces.require(nonceOf(1))).toThrow(code('nonce_used'))
  nonces.hold(nonceOf(2))
  expect(() => nonces.hold(nonceOf(3))).toThrow(code('nonces_exhausted'))
  held.drop()
  const again = nonces.hold(nonceOf(1))
  // Whoever dropped it has nothing to say about it any more.
  held.keep()
  again.keep()
  again.drop()
  expect(() => nonces.require(nonceOf(1))).toThrow(code('nonce_used'))
})

test('drawn ones are of 32 bytes and differ', () => {
  const nonces = createNonces(8)
  const [one, two] = [nonces.draw(), nonces.draw()]
  expect(one).toMatch(/^0x[0-9a-f]{64}$/)
  expect(one).not.toBe(two)
})
