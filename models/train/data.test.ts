import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { type Digit, loadDigits } from './data/digits.ts'
import { loadIris } from './data/iris.ts'
import { fitLenet5 } from './lenet5.ts'

const digits = loadDigits()

test('digits: 1,000 held out, 9,000 to train, no picture in both', () => {
  const key = ({ pixels }: Digit) => Buffer.from(pixels).toString('latin1')
  const training = new Set(digits.training.map(key))
  expect([digits.training.length, digits.heldOut.length, training.size]).toEqual([9_000, 1_000, 9_000])
  expect(digits.heldOut.filter(digit => training.has(key(digit)))).toEqual([])
  for (let label = 0; label < 10; label++)
    expect(digits.heldOut.filter(({ digit }) => digit === label).length).toBeGreaterThan(60)
})

test('flowers: 30 held out, 120 to train, no row in both, every species held out', () => {
  const { training, heldOut } = loadIris()
  const rows = new Set([...training, ...heldOut].map(({ row }) => row))
  expect([training.length, heldOut.length, rows.size]).toEqual([120, 30, 150])
  expect(new Set(heldOut.map(({ label }) => label)).size).toBe(3)
})

test('one epoch on 200 digits gives the same weights to the last bit', () => {
  const network = fitLenet5(digits.training.slice(0, 200), { epochs: 1 })
  const hash = createHash('sha256')
  for (const { value } of network.parameters) hash.update(new Uint8Array(Float32Array.from(value).buffer))
  expect(hash.digest('hex')).toBe(ONE_EPOCH)
})

/** SHA-256 of the float32 weights, little-endian, in the network's order; IEEE 754 gives it on any machine. */
const ONE_EPOCH = '1f21d6297ab20af8675afde6dc427a75a6956618eaea15222e8420ed1da343f1'
