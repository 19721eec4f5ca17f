import { expect, test } from 'vitest'
import { createScheduler } from './scheduler.ts'
import type { Sequence } from './sequence.ts'

/** A sequence of a model that computes nothing. */
function sequence(): Sequence & { released: number } {
  const context = {
    removeTokenCellsFromSequence() {},
    initBatch() {},
    addToBatch() {},
    async decodeBatch() {},
  }
  const one = {
    ...{ ended: false, reads: false, slot: -1, released: 0, model: { batches: true, context } },
    ...{ start() {}, add() {}, async sample() {} },
    leave() {
      one.ended = true
    },
    release: () => void one.released++,
  }
  return one as unknown as Sequence & { released: number }
}

test('whoever leaves while it waits is freed at once, not when there is a place', async () => {
  let beats = 0
  const scheduler = createScheduler(1, () => beats++)
  const steps = async (count: number) => {
    for (const from = beats; beats < from + count; ) await new Promise(resolve => setImmediate(resolve))
  }
  const runs = sequence()
  const waits = Array.from({ length: 100 }, sequence)
  for (const one of [runs, ...waits]) scheduler.add(one, () => {})
  await steps(2)
  for (const one of waits.slice(1)) one.leave()
  await steps(2)
  expect(waits.map(({ released }) => released)).toEqual([0, ...Array(99).fill(1)])
  expect(runs.released).toBe(0)
  runs.leave()
  await steps(3)
  expect([runs.released, waits[0]?.slot]).toEqual([1, 0])
  waits[0]?.leave()
})
