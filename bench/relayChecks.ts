import { operatorsAbi, relayAbi } from '@nacre/contracts'
import { fetchBundle } from '@nacre/sdk'
import { type Hex, receiptId } from '@nacre/verify'
import type { PublicClient } from 'viem'
import type { BenchNetwork } from './network.ts'
import { isConserved } from './relayMoney.ts'

export type Checks = {
  /** Requests that the chain closed more than once, or of which operators show two receipts. */
  duplicated: number
  /** Every operator is honest, and one that is killed is back long before a deadline: each slash counts. */
  slashed_honest: number
  conserved: boolean
  /** Transactions to the relay that came second: what it cost that another one did not wait. */
  reverted: number
}

/** Asks the chain, and each operator about each request. */
export async function checkRun(client: PublicClient, network: BenchNetwork, ids: Hex[]): Promise<Checks> {
  const { deployment } = network
  const since = { fromBlock: BigInt(deployment.block), strict: true } as const
  const relay = { address: deployment.relay, abi: relayAbi } as const
  const operators = { address: deployment.operators, abi: operatorsAbi } as const
  const answers = await client.getContractEvents({ ...relay, eventName: 'Fulfilled', ...since })
  const refunds = await client.getContractEvents({ ...relay, eventName: 'Expired', ...since })
  const slashes = await client.getContractEvents({ ...operators, eventName: 'Slashed', ...since })

  let duplicated = 0
  for (const id of ids) {
    const accepted = answers.filter(({ args }) => args.id === id).map(({ args }) => args.receiptId)
    const endings = accepted.length + refunds.filter(({ args }) => args.id === id).length
    const receipts = new Set([...accepted, ...(await shownReceipts(network, id))])
    if (endings > 1 || receipts.size > 1) duplicated++
  }
  return {
    duplicated,
    slashed_honest: slashes.length,
    conserved: await isConserved(client, deployment),
    reverted: await countReverted(client, relay.address, since.fromBlock),
  }
}

/** Ids of the receipts that the operators show of a request, for its block in the chain. */
async function shownReceipts({ operatorUrls }: BenchNetwork, id: Hex): Promise<Hex[]> {
  const bundles = await Promise.all(operatorUrls.map(url => fetchBundle({ url, id })))
  return bundles.flatMap(bundle =>
    bundle ? [receiptId({ chainId: bundle.chainId, registry: bundle.registry }, bundle.receipt)] : [],
  )
}

async function countReverted(client: PublicClient, relay: Hex, fromBlock: bigint): Promise<number> {
  const newest = await client.getBlockNumber()
  let reverted = 0
  for (let number = fromBlock; number <= newest; number++) {
    const params = [`0x${number.toString(16)}`]
    const receipts: { to: Hex | null; status: Hex }[] = await client.request({
      method: 'eth_getBlockReceipts',
      params,
    } as never)
    reverted += receipts.filter(({ to, status }) => to === relay && status === '0x0').length
  }
  return reverted
}
