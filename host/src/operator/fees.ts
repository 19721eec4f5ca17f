import type { PublicClient } from 'viem'
import { read } from '../chain/client.ts'
import { recent } from '../common/recent.ts'

/** Wei a unit of gas (EIP-1559). */
export type Fees = { maxFee: bigint; priorityFee: bigint }

/** Lowest rise of both fees that nodes accept for a replacement is 10 %. */
const BUMP_PERCENT = 125n
const MIN_PRIORITY_FEE = 1_000_000n
const FRESH_MS = 1_000

/** What a transaction should pay now, with room for the base fee to double. A node that lies gets at most the ceiling. */
export async function marketFees(client: PublicClient, ceiling: Fees): Promise<Fees> {
  const suggested = client.estimateMaxPriorityFeePerGas().catch(() => MIN_PRIORITY_FEE)
  const [block, tip] = await Promise.all([read(() => client.getBlock()), suggested])
  const priorityFee = larger(tip, MIN_PRIORITY_FEE)
  return below({ maxFee: (block.baseFeePerGas ?? 0n) * 2n + priorityFee, priorityFee }, ceiling)
}

/** `marketFees`, asked at most once a second: there is room in them for more than that. */
export function createMarket(client: PublicClient, ceiling: Fees): () => Promise<Fees> {
  return recent(FRESH_MS, () => marketFees(client, ceiling))
}

/** Fees that replace a transaction with the `last` ones; no higher than these when the ceiling is reached. */
export async function raisedFees(client: PublicClient, ceiling: Fees, last: Fees): Promise<Fees> {
  const market = await marketFees(client, ceiling)
  const maxFee = larger(market.maxFee, (last.maxFee * BUMP_PERCENT) / 100n + 1n)
  const priorityFee = larger(market.priorityFee, (last.priorityFee * BUMP_PERCENT) / 100n + 1n)
  return below({ maxFee, priorityFee }, ceiling)
}

function below({ maxFee, priorityFee }: Fees, ceiling: Fees): Fees {
  const highest = smaller(maxFee, ceiling.maxFee)
  return { maxFee: highest, priorityFee: smaller(smaller(priorityFee, ceiling.priorityFee), highest) }
}

function larger(one: bigint, other: bigint): bigint {
  return one > other ? one : other
}

function smaller(one: bigint, other: bigint): bigint {
  return one < other ? one : other
}
