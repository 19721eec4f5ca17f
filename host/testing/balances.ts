import { operatorsAbi, relayAbi } from '@nacre/contracts'
import { type Hex, zeroAddress } from 'viem'
import { expect } from 'vitest'
import { DEPLOYER, type World } from './operatorWorld.ts'

/**
 * Every wei is where it belongs: the relay holds its credits and the deposits of open requests, each answer was paid
 * once and as its event says, the stake is whole, and the operator paid for its own gas and nothing else.
 */
export async function expectBalances(world: World): Promise<void> {
  const { chain, deployment, operator } = world
  const relay = { address: deployment.relay, abi: relayAbi } as const
  const span = { ...relay, fromBlock: 0n, strict: true } as const
  const requested = await chain.getContractEvents({ ...span, eventName: 'Requested' })
  const fulfilled = await chain.getContractEvents({ ...span, eventName: 'Fulfilled' })
  const ended = fulfilled.map(({ args }) => args.id)
  expect(new Set(ended).size, 'one answer a request').toBe(ended.length)
  expect(await chain.getContractEvents({ ...span, eventName: 'Expired' })).toEqual([])

  const deposits = await Promise.all(
    requested.map(async ({ args: { id, request } }) => {
      const quote = { ...relay, functionName: 'quote', args: [request.params] } as const
      return [id, await chain.readContract(quote)] as const
    }),
  )
  const open = deposits.filter(([id]) => !ended.includes(id))
  const covered = await chain.readContract({ ...relay, functionName: 'coveredRequests' })
  expect(covered).toBe(BigInt(open.length))
  const creditOf = (account: Hex) =>
    chain.readContract({ ...relay, functionName: 'balanceOf', args: [account, zeroAddress] })
  const earned = sum(fulfilled.map(({ args }) => args.paid + args.gasPaid))
  const consumer = world.walletOf(DEPLOYER).account.address
  expect(await creditOf(operator.address)).toBe(earned)
  expect(await creditOf(consumer)).toBe(sum(amounts(deposits)) - sum(amounts(open)) - earned)
  expect(await chain.getBalance({ address: relay.address })).toBe(sum(amounts(deposits)))

  const operators = { address: deployment.operators, abi: operatorsAbi } as const
  const staked = { ...operators, functionName: 'slashableOf', args: [operator.address] } as const
  const stake = await chain.readContract(staked)
  expect(stake).toBe(10n ** 18n)
  expect(await chain.getBalance({ address: operators.address })).toBe(stake)
  const blockNumber = await chain.getBlockNumber()
  const gas = await gasOf(world, blockNumber)
  expect(await chain.getBalance({ address: operator.address, blockNumber })).toBe(10n ** 21n - stake - gas)
}

/** What the operator's transactions cost up to a block. */
async function gasOf({ chain, operator }: World, last: bigint): Promise<bigint> {
  let cost = 0n
  for (let blockNumber = 0n; blockNumber <= last; blockNumber++) {
    const { transactions } = await chain.getBlock({ blockNumber, includeTransactions: true })
    for (const { from, hash } of transactions) {
      if (from !== operator.address.toLowerCase()) continue
      const { gasUsed, effectiveGasPrice } = await chain.getTransactionReceipt({ hash })
      cost += gasUsed * effectiveGasPrice
    }
  }
  return cost
}

function amounts(deposits: (readonly [Hex, bigint])[]): bigint[] {
  return deposits.map(([, amount]) => amount)
}

function sum(numbers: bigint[]): bigint {
  return numbers.reduce((total, one) => total + one, 0n)
}
