import { expect, test } from 'vitest'
import { planRound } from './chaos.ts'
import { QUESTIONS } from './questions.ts'

test('a seed decides the questions and moments of every round', () => {
  const plan = (seed: number) => [1, 2, 3, 4, 5, 6].map(number => planRound(seed, number, [...QUESTIONS]))
  expect(plan(7)).toEqual(plan(7))
  expect(plan(7)).not.toEqual(plan(8))
  expect(new Set(plan(7).map(({ question }) => question)).size).toBeGreaterThan(1)
  for (const { pauseMs } of plan(7)) expect(pauseMs).toBeLessThan(1_000)
})
