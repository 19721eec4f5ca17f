import { balancesAbi } from '@nacre/contracts'
import type { Hex, PublicClient } from 'viem'
import type { Nodes } from '../chain/nodes.ts'
import { callContract } from '../chain/reverts.ts'
import { greatest, least } from '../common/bigints.ts'

/** What a reservation holds; zeros when there is none. `block`: up to it every settlement is taken off, by every node. */
export type Funds = { amount: bigint; expiresAt: bigint; nextIndex: bigint; block: bigint }

/**
 * The least that any node says, now and so many blocks ago: a reservation that is too young may yet vanish, and a node
 * that lies must not have us serve for nothing. Throws CHAIN_UNAVAILABLE.
 */
export async function readFunds(nodes: Nodes, balances: Hex, id: Hex, confirmations: number): Promise<Funds> {
  const call = { address: balances, abi: balancesAbi, functionName: 'reservationOf', args: [id] } as const
  const ask = (client: PublicClient) =>
    callContract(async () => {
      const head = await client.getBlockNumber()
      const old = head > BigInt(confirmations) ? head - BigInt(confirmations) : 0n
      const blocks = confirmations === 0 ? [head] : [head, old]
      const held = await Promise.all(blocks.map(blockNumber => client.readContract({ ...call, blockNumber })))
      return { head, held }
    })
  const answers = (await nodes.answers(ask)).filter(answer => answer !== undefined)
  const seen = answers.flatMap(({ held }) => held)
  return {
    block: least(...answers.map(({ head }) => head)),
    amount: least(...seen.map(({ amount }) => amount)),
    expiresAt: least(...seen.map(({ expiresAt }) => expiresAt)),
    nextIndex: greatest(...seen.map(({ nextIndex }) => nextIndex)),
  }
}
