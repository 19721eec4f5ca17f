import { expect, test } from 'vitest'
import { createLoad } from './load.ts'

test('what is told to wait is what answers took, for those that are open', () => {
  let now = 0
  const load = createLoad(2, () => now)
  expect(load.retryAfter()).toBe(1)
  for (let i = 0; i < 50; i++) {
    const done = load.begin()
    now += 10_000
    done(true)
    done(true)
  }
  for (let i = 0; i < 50; i++) load.begin()(false)
  const open = [load.begin(), load.begin(), load.begin()]
  expect(load.retryAfter()).toBe(15)
  for (const done of open) done(true)
  expect(load.retryAfter()).toBe(1)
})
