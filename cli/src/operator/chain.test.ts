import { HttpRequestError } from 'viem'
import { expect, test } from 'vitest'
import { readEvents } from './chain.ts'

type Range = { fromBlock: bigint; toBlock: bigint }

test('a range that a node refuses is read in halves: every block once, in order', async () => {
  const read: bigint[] = []
  const bounded = async ({ fromBlock, toBlock }: Range) => {
    if (toBlock - fromBlock >= 1_000n) throw new Error('query exceeds max block range 1000')
    const blocks: bigint[] = []
    for (let block = fromBlock; block <= toBlock; block++) blocks.push(block)
    read.push(...blocks)
    return blocks
  }
  const events = await readEvents(bounded, 7n, 5_000n)
  expect(events).toEqual(Array.from({ length: 4_994 }, (_, index) => BigInt(index + 7)))
  expect(read).toHaveLength(events.length)
  expect(await readEvents(bounded, 2n, 1n)).toEqual([])
})

test('what fewer blocks do not help is not tried for ever', async () => {
  let calls = 0
  const failing = (error: Error) => async (): Promise<never[]> => {
    calls++
    throw error
  }
  await expect(readEvents(failing(new Error('no')), 0n, 100_000n)).rejects.toThrow('no')
  expect(calls).toBeLessThan(20)
  calls = 0
  const away = new HttpRequestError({ url: 'http://127.0.0.1:1' })
  await expect(readEvents(failing(away), 0n, 100_000n)).rejects.toBe(away)
  expect(calls).toBe(1)
})
