import { operatorsAbi, relayAbi, releasesAbi } from '@nacre/contracts'
import {
  DEVELOPMENT_PARAMETERS,
  type Deployment,
  deploy,
  type RelayParams,
  type RelayRequest,
  request,
  type Wallet,
} from '@nacre/sdk'
import { type Hex, keccak256, releaseId, toHex } from '@nacre/verify'
import {
  createPublicClient,
  createTestClient,
  createWalletClient,
  custom,
  http,
  numberToHex,
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
import { createSlots, type Slots } from './slots.ts'
import { fallbackRank, presumedDuty } from './turn.ts'

const MANIFEST: Hex = `0x${'33'.repeat(32)}`
const RELEASE = releaseId(privateKeyToAccount(DEPLOYER).address.toLowerCase() as Hex, MANIFEST)
const { minFee: MIN_FEE } = DEVELOPMENT_PARAMETERS
const KEYS: Hex[] = [1, 2, 3, 4].map(number => toHex(new Uint8Array(32).fill(number)))
/** The fourth holds a slot and does not offer what is asked. */
const ALL = KEYS.map(key => privateKeyToAccount(key).address)
const OPERATORS = ALL.slice(0, 3)
const SERVED: Hex = `0x${'01'.repeat(32)}`
/** Only the first answers this for the fee. */
const DEAR: Hex = `0x${'02'.repeat(32)}`
const FEE = 10n
const OTHER: Hex = `0x${'44'.repeat(32)}`

let anvil: Anvil
let client: PublicClient
let slots: Slots
let deployment: Deployment
let timestamp: bigint
let newest: Hex
/** Calls of the node so far. */
let calls = 0

beforeAll(async () => {
  anvil = await startAnvil()
  const onFetchRequest = () => void calls++
  const transport = http(anvil.rpcUrl, { onFetchRequest })
  const chain = createTestClient({ mode: 'anvil', chain: anvilChain, transport, pollingInterval: 20 }).extend(
    publicActions,
  )
  client = chain as unknown as PublicClient
  deployment = await deploy({ client, wallet: walletOf(DEPLOYER), root: createRoot().certificate })
  slots = slotsOf(client)
  await listRelease(walletOf(DEPLOYER))
  const contract = { address: deployment.operators, abi: operatorsAbi } as const
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
  ;({ timestamp, hash: newest } = await chain.getBlock())
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

test('whom the chain will assign is known without asking it', async () => {
  const found = new Set<Hex>()
  while (found.size < ALL.length) {
    const { asked, drawn } = await askedFor({})
    const [assigned] = await assignedOf(asked)
    // Zero of the one that does not offer it.
    expect((await presumedDuty(slots, drawn)) ?? zeroAddress).toBe(assigned)
    found.add(assigned)
  }
  expect([...found].sort()).toEqual([...OPERATORS, zeroAddress].sort())
})

test.each([
  ['another release', { releases: [OTHER] }],
  ['more assurance', { assurance: 2 }],
])('of a request that demands %s nothing is presumed: it is nobody’s duty', async (_, changes) => {
  const { asked, drawn } = await askedFor(changes)
  expect((await assignedOf(asked))[0]).toBe(zeroAddress)
  expect(await presumedDuty(slots, drawn)).toBeUndefined()
})

test('a hundred requests of an epoch cost as many calls as there are slots and offers; after a reorganisation again', async () => {
  const rankFirst = async () => {
    for (let number = 0; number < 4; number++) await rankOf(number, ALL[0]!, zeroAddress)
  }
  await rankFirst()
  const before = calls
  for (let number = 0; number < 100; number++) await rankOf(number, ALL[0]!, zeroAddress)
  expect(calls).toBe(before)
  slots.forget()
  await rankFirst()
  expect(calls).toBeGreaterThan(before)
})

test('a node that is behind does not tell slots of an epoch as they were before it began', async () => {
  const before = await client.getBlockNumber()
  const wallet = walletOf(KEYS[1]!)
  const bond = { address: deployment.operators, abi: operatorsAbi, functionName: 'bond', value: 10n ** 18n }
  await client.waitForTransactionReceipt({ hash: await wallet.writeContract(bond as never) })
  await client.request({ method: 'evm_increaseTime', params: [2] } as never)
  await client.request({ method: 'evm_mine' } as never)
  const head = await client.getBlock()
  const behind = createPublicClient({
    transport: custom({
      request: async ({ method, params = [] }) => {
        const [call, block = 'latest', ...rest] = params
        const asked =
          method === 'eth_call' ? [call, block === 'latest' ? numberToHex(before) : block] : params
        return client.request({ method, params: [...asked, ...rest] } as never)
      },
    }),
  })
  const epoch = { number: await slots.epochAt(head.timestamp), asOf: head.hash }
  const count = BigInt(KEYS.length + 1)
  expect(await slotsOf(behind).holder(count - 1n, epoch)).toBe(ALL[1])
})

/** Of one node. */
function slotsOf(node: PublicClient): Slots {
  return createSlots({ client: node, each: () => [node] }, deployment.operators)
}

function walletOf(key: Hex): Wallet {
  const transport = http(anvil.rpcUrl)
  return createWalletClient({ account: privateKeyToAccount(key), chain: anvilChain, transport })
}

async function listRelease(wallet: Wallet): Promise<void> {
  const releases = { address: deployment.releases, abi: releasesAbi } as const
  const args = [MANIFEST, [{ kind: 1, digest: OTHER }]] as const
  const hash = await wallet.writeContract({ ...releases, functionName: 'list', args })
  await client.waitForTransactionReceipt({ hash })
}

/** A request on chain, of which the next block knows whom it draws. */
async function askedFor(changes: Partial<RelayParams>) {
  const { timestamp: now } = await client.getBlock()
  const terms = { artifact: SERVED, feeToken: zeroAddress, fee: MIN_FEE, maxOutput: 32, callbackGas: 50_000 }
  const policy = { assurance: 1, maxEvidenceAge: 86_400, releases: [RELEASE], publishers: [] }
  const params = { ...terms, ...policy, maxGasPrice: 10n ** 10n, deadline: now + 600n, ...changes }
  const wallet = walletOf(DEPLOYER)
  const {
    id,
    request: asked,
    blockNumber,
  } = await request({ client, wallet, relay: deployment.relay, params, input: '0x' })
  await client.request({ method: 'evm_mine' } as never)
  const { hash: blockHash } = await client.getBlock({ blockNumber })
  return { asked, drawn: { ...asked, id, blockHash, asOf: blockHash } }
}

function assignedOf(asked: RelayRequest) {
  const relay = { address: deployment.relay, abi: relayAbi } as const
  return client.readContract({ ...relay, functionName: 'assignedOf', args: [asked] })
}

function ranksOf(number: number, assigned: Hex): Promise<number[]> {
  return Promise.all(OPERATORS.map(one => rankOf(number, one, assigned)))
}

/** Of a made-up request; they are fixed, so that the draws are the same at every run. */
function rankOf(number: number, operator: Hex, assigned: Hex, artifact = SERVED): Promise<number> {
  const id = keccak256(new Uint8Array([number]))
  const params = { artifact, feeToken: zeroAddress, fee: FEE }
  const request = { id, blockHash: keccak256(new Uint8Array([number, 1])), timestamp, params, asOf: newest }
  return fallbackRank({ slots, operator, assigned, request })
}
