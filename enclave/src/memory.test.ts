import { type Hex, ZERO_ADDRESS, ZERO_HASH } from '@nacre/verify'
import { expect, test } from 'vitest'
import type { Answer } from './answer.ts'
import type { Job } from './job.ts'
import { createMemory } from './memory.ts'

const hash = (byte: number): Hex => `0x${byte.toString(16).padStart(2, '0').repeat(32)}`

function jobOf(request: number, input = 0): Job {
  return {
    origin: { type: 'client', nonce: hash(request) },
    artifact: ZERO_HASH,
    input: Uint8Array.of(input),
    anchor: { number: 1n, hash: ZERO_HASH },
    maxOutput: 10,
    usage: { units: 1n, price: 0n, errorPrice: 0n, token: ZERO_ADDRESS },
  }
}

/** Counts how often an answer is really made; only the output's length matters here. */
function counter(length = 1) {
  const output = new Uint8Array(length)
  let made = 0
  return { make: async () => ({ output, made: ++made }) as unknown as Answer, count: () => made }
}

test('jobs at the same time share one answer', async () => {
  const memory = createMemory(1n, { answers: 4, bytes: 100 })
  const { make, count } = counter()
  const answers = await Promise.all([1, 2, 3].map(() => memory.recall(jobOf(1), make)))
  expect(new Set(answers).size).toBe(1)
  expect(count()).toBe(1)
})

test('another anchor of a client is the same request', async () => {
  const memory = createMemory(1n, { answers: 4, bytes: 100 })
  const { make, count } = counter()
  await memory.recall(jobOf(1), make)
  await memory.recall({ ...jobOf(1), anchor: { number: 2n, hash: hash(9) } }, make)
  expect(count()).toBe(1)
})

test('a different job is refused while the first is still being made', async () => {
  const memory = createMemory(1n, { answers: 4, bytes: 100 })
  const { make, count } = counter()
  const first = memory.recall(jobOf(1, 1), make)
  expect(() => memory.recall(jobOf(1, 2), make)).toThrow(expect.objectContaining({ code: 'conflicting-job' }))
  await first
  expect(count()).toBe(1)
})

test('the oldest is forgotten when there are too many', async () => {
  const memory = createMemory(1n, { answers: 2, bytes: 100 })
  const { make, count } = counter()
  for (const request of [1, 2, 3, 3, 2]) await memory.recall(jobOf(request), make)
  expect(count()).toBe(3)
  await memory.recall(jobOf(1), make)
  expect(count()).toBe(4)
})

test('the oldest is forgotten when they are too large', async () => {
  const memory = createMemory(1n, { answers: 100, bytes: 100 })
  const { make, count } = counter(50)
  for (const request of [1, 2, 3, 3, 2]) await memory.recall(jobOf(request), make)
  expect(count()).toBe(3)
  await memory.recall(jobOf(1), make)
  expect(count()).toBe(4)
})

test('a failure is not remembered', async () => {
  const memory = createMemory(1n, { answers: 2, bytes: 100 })
  const { make, count } = counter()
  const failing = memory.recall(jobOf(1), () => Promise.reject(new Error('no')))
  await expect(failing).rejects.toThrow('no')
  await memory.recall(jobOf(1, 2), make)
  expect(count()).toBe(1)
})
