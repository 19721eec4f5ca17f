import { operatorsAbi, relayAbi } from '@nacre/contracts'
import { type Deployment, quote } from '@nacre/sdk'
import { type Hex, ZERO_ADDRESS } from '@nacre/verify'
import type { PublicClient } from 'viem'

/**
 * To the wei, as of one block: the relay holds its credits and what was paid for open requests, the operators contract
 * its stakes. All from the chain's own events since the deployment, also of requests that are not this run's.
 */
export async function isConserved(client: PublicClient, deployment: Deployment): Promise<boolean> {
  const at = { client, deployment, blockNumber: await client.getBlockNumber() }
  const [held, owed] = await Promise.all([balanceOf(at, deployment.relay), owedByRelay(at)])
  const [staked, stakes] = await Promise.all([balanceOf(at, deployment.operators), allStakes(at)])
  return held === owed && staked === stakes
}

type At = { client: PublicClient; deployment: Deployment; blockNumber: bigint }

function balanceOf({ client, blockNumber }: At, address: Hex): Promise<bigint> {
  return client.getBalance({ address, blockNumber })
}

async function owedByRelay(at: At): Promise<bigint> {
  const { client, deployment, blockNumber } = at
  const relay = { address: deployment.relay, abi: relayAbi, blockNumber } as const
  const { open, accounts } = await readHistory(at)
  accounts.add(await client.readContract({ ...relay, functionName: 'INSURANCE' }))
  const credits = [...accounts].map(account =>
    client.readContract({ ...relay, functionName: 'balanceOf', args: [account, ZERO_ADDRESS] }),
  )
  const deposits = open.map(params => quote({ client, relay: deployment.relay, params }))
  return sum(await Promise.all([...credits, ...deposits]))
}

/** The terms of open requests, and every account that may have been credited. */
async function readHistory({ client, deployment, blockNumber }: At) {
  const range = { fromBlock: BigInt(deployment.block), toBlock: blockNumber, strict: true } as const
  const events = await client.getContractEvents({ address: deployment.relay, abi: relayAbi, ...range })
  const open = new Map<Hex, Parameters<typeof quote>[0]['params']>()
  const accounts = new Set<Hex>()
  for (const { eventName, args } of events) {
    if (eventName === 'Requested' || eventName === 'RequestedByHash') {
      open.set(args.id, args.request.params)
      accounts.add(args.consumer)
    }
    if (eventName === 'Fulfilled') accounts.add(args.operator)
    if (eventName === 'Fulfilled' || eventName === 'Expired') open.delete(args.id)
  }
  return { open: [...open.values()], accounts }
}

async function allStakes({ client, deployment, blockNumber }: At): Promise<bigint> {
  const operators = { address: deployment.operators, abi: operatorsAbi } as const
  const range = { fromBlock: BigInt(deployment.block), toBlock: blockNumber, strict: true } as const
  const bonded = await client.getContractEvents({ ...operators, eventName: 'Bonded', ...range })
  const accounts = new Set(bonded.map(({ args }) => args.operator))
  const stakes = [...accounts].map(account =>
    client.readContract({ ...operators, functionName: 'slashableOf', args: [account], blockNumber }),
  )
  return sum(await Promise.all(stakes))
}

function sum(amounts: bigint[]): bigint {
  return amounts.reduce((total, amount) => total + amount, 0n)
}
