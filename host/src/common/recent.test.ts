import { expect, test } from 'vitest'
import { recent } from './recent.ts'

const HOUR = 3_600_000

test('what was read not long ago is given again, also to those who ask while it is read', async () => {
  let reads = 0
  const count = recent(HOUR, async () => ++reads)
  expect(await Promise.all([count(), count()])).toEqual([1, 1])
  expect(await count()).toBe(1)
})

test('what is old is read again', async () => {
  let reads = 0
  const count = recent(0, async () => ++reads)
  expect([await count(), await count()]).toEqual([1, 2])
})

test('a failure is told to those who asked, and not kept', async () => {
  let reads = 0
  const count = recent(HOUR, async () => {
    if (++reads === 1) throw new Error('away')
    return reads
  })
  const first = [count(), count()]
  for (const one of first) await expect(one).rejects.toThrow('away')
  expect(await count()).toBe(2)
})
