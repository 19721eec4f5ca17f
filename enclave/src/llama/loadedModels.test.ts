import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createLoadedModels } from './loadedModels.ts'

const ONE = `0x${'11'.repeat(32)}` as const
const TWO = `0x${'22'.repeat(32)}` as const

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('a model that fails is out and tried again, after pauses that double up to the most, until it opens', async () => {
  const tried: number[] = []
  let opens = false
  const models = createLoadedModels(
    async (artifact, file) => {
      expect([artifact, file]).toEqual([ONE, 'one.gguf'])
      tried.push(Date.now() - begun)
      if (!opens) throw new Error('it does not')
    },
    { least: 10, most: 50 },
  )
  models.add(ONE, 'one.gguf')
  models.add(TWO, 'two.gguf')
  const begun = Date.now()
  models.fail(ONE)
  expect([models.has(ONE), models.isIn(ONE), models.isIn(TWO)]).toEqual([true, false, true])
  expect(models.files()).toEqual([[TWO, 'two.gguf']])
  await vi.advanceTimersByTimeAsync(170)
  expect(tried).toEqual([10, 30, 70, 120, 170])
  opens = true
  await vi.advanceTimersByTimeAsync(50)
  expect(models.isIn(ONE)).toBe(true)
  await vi.advanceTimersByTimeAsync(1000)
  expect(tried).toHaveLength(6)
  models.fail(ONE)
  await vi.advanceTimersByTimeAsync(49)
  expect(models.isIn(ONE)).toBe(false)
})
