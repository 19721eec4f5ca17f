import { setTimeout as sleep } from 'node:timers/promises'
import type { World } from './operatorWorld.ts'

type Chain = World['chain']

/**
 * Drops so many blocks and has others in their place. `transactions` are raw ones, each with the block that has it: 0 is
 * the first of those that come instead.
 *
 * anvil (1.7.1) takes no lock for it: a block that is being mined meanwhile is put where it was to go, after blocks that
 * are gone, and the chain has a hole for ever, over which nobody can follow it. So nobody may send transactions
 * meanwhile, and `untilQuiet` comes first. Throws when there is a hole all the same.
 */
export async function reorganise(
  chain: Chain,
  depth: number,
  transactions: (readonly [raw: unknown, block: number])[],
): Promise<void> {
  const first = (await chain.getBlockNumber()) - BigInt(depth)
  await chain.request({ method: 'anvil_reorg', params: [depth, transactions] } as never)
  await expectOneChain(chain, first)
}

const QUIET_MS = 100

/** Waits until nothing is mined. An empty pool is not enough: anvil mines what it took before once more, as an empty block. */
export async function untilQuiet(chain: Chain): Promise<void> {
  for (;;) {
    const before = await chain.getBlockNumber()
    await sleep(QUIET_MS)
    const { pending } = await chain.getTxpoolStatus()
    if (pending === 0 && (await chain.getBlockNumber()) === before) return
  }
}

async function expectOneChain(chain: Chain, first: bigint): Promise<void> {
  const last = await chain.getBlockNumber()
  let { hash } = await chain.getBlock({ blockNumber: first })
  for (let blockNumber = first + 1n; blockNumber <= last; blockNumber++) {
    const block = await chain.getBlock({ blockNumber }).catch(() => undefined)
    if (block?.parentHash !== hash)
      throw new Error(
        `anvil_reorg left a chain with a hole: block ${blockNumber} of ${last} is not on the one before it. It mined meanwhile.`,
      )
    hash = block.hash
  }
}
