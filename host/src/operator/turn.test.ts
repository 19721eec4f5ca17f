import { operatorsAbi } from '@nacre/contracts'
import { deploy } from '@nacre/sdk'
import { type Hex, keccak256, toHex } from '@nacre/verify'
import {
  createTestClient,
  createWalletClient,
  http,
  type PublicClient,
  publicActions,
  zeroAddress,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { anvil as anvilChain } from 'viem/chains'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DEPLOYER } from '../../testing/operatorWorld.ts'
import { createRoot } from '../nsm/root.ts'
import { type Anvil, startAnvil } from '../processes/anvil.ts'
import { fallbackRank } from './turn.ts'

const RELEASE: Hex = `0x${'33'.repeat(32)}`
const KEYS: Hex[] = [1, 2, 3, 4].map(number => toHex(new Uint8Array(32).fill(number)))
/** The fourth holds a slot and does not offer what is asked. */
const ALL = KEYS.map(key => privateKeyToAccount(key).address)
const OPERATORS = ALL.slice(0, 3)
const SERVED: Hex = `0x${'01'.repeat(32)}`
/** Only the first answers this for the fee. */
const DEAR: Hex = `0x${'02'.repeat(32)}`
const FEE = 10n

let anvil: Anvil
let client: PublicClient
let operators: Hex
let timestamp: bigint

beforeAll(async () => {
  anvil = await startAnvil()
  const transport = http(anvil.rpcUrl)
  const chain = createTestClient({ mode: 'anvil', chain: anvilChain, transport, pollingInterval: 20 }).extend(
    publicActions,
  )
  client = chain as unknown as PublicClient
  const walletOf = (key: Hex) =>
    createWalletClient({ account: privateKeyToAccount(key), chain: anvilChain, transport })
  const deployment = await deploy({ client, wallet: walletOf(DEPLOYER), root: createRoot().certificate })
  operators = deployment.operators
  const contract = { address: operators, abi: operatorsAbi } as const
  for (const [index, key] of KEYS.entries()) {
    const wallet = walletOf(key)
    await chain.setBalance({ address: wallet.account.address, value: 10n ** 20n })
    const bond = { ...contract, functionName: 'bond', value: 10n ** 18n } as const
    await chain.waitForTransactionReceipt({ hash: await wallet.writeContract(bond) })
    const declare = { ...contract, functionName: 'declare', args: [RELEASE, 1] } as const
    await chain.waitForTransactionReceipt({ hash: await wallet.writeContract(declare) })
    const offered = index < 3 ? [SERVED, DEAR] : [DEAR]
    for (const artifact of offered) {
      const price = artifact === DEAR && index > 0 ? 11n : 10n
      const args = [artifact, zeroAddress, price, 1] as const
      const hash = await wallet.writeContract({ ...contract, functionName: 'announce', args })
      await chain.waitForTransactionReceipt({ hash })
    }
  }
  await chain.increaseTime({ seconds: 2 })
  await chain.mine({ blocks: 1 })
  timestamp = (await chain.getBlock()).timestamp
})

afterAll(() => anvil.stop())

test('all find the same order: no two operators have the same rank, and who is first depends on the request', async () => {
  const firsts = new Set<number>()
  for (let number = 0; number < 12; number++) {
    const ranks = await ranksOf(number, zeroAddress)
    expect(new Set(ranks).size).toBe(OPERATORS.length)
    expect(await ranksOf(number, zeroAddress)).toEqual(ranks)
    firsts.add(ranks.indexOf(0))
  }
  expect(firsts.size).toBeGreaterThan(1)
})

test('the assigned operator does not count: of the two others one is first', async () => {
  for (let number = 0; number < 12; number++) {
    const [assigned, ...others] = OPERATORS
    const ranks = await Promise.all(others.map(one => rankOf(number, one, assigned!)))
    expect(new Set(ranks).size).toBe(others.length)
    expect(Math.min(...ranks)).toBe(0)
  }
})

test('who does not offer it, holds no slot or asks more than the fee comes after those who may answer', async () => {
  const stranger = privateKeyToAccount(DEPLOYER).address
  for (const one of [ALL[3]!, stranger])
    expect(await rankOf(0, one, zeroAddress)).toBeGreaterThanOrEqual(OPERATORS.length)
  expect(await rankOf(0, ALL[0]!, zeroAddress, DEAR)).toBe(0)
  expect(await rankOf(0, ALL[1]!, zeroAddress, DEAR)).toBeGreaterThanOrEqual(1)
})

function ranksOf(number: number, assigned: Hex): Promise<number[]> {
  return Promise.all(OPERATORS.map(one => rankOf(number, one, assigned)))
}

/** Of a made-up request; they are fixed, so that the draws are the same at every run. */
function rankOf(number: number, operator: Hex, assigned: Hex, artifact = SERVED): Promise<number> {
  const id = keccak256(new Uint8Array([number]))
  const params = { artifact, feeToken: zeroAddress, fee: FEE }
  const request = { id, blockHash: keccak256(new Uint8Array([number, 1])), timestamp, params }
  return fallbackRank({ client, operators, operator, assigned, request })
}
