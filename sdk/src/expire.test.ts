import { operatorsAbi, relayAbi, releasesAbi } from '@nacre/contracts'
import { type Hex, keccak256, releaseId, ZERO_ADDRESS } from '@nacre/verify'
import {
  createTestClient,
  createWalletClient,
  http,
  type PublicClient,
  publicActions,
  type TestClient,
} from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { anvil as anvilChain } from 'viem/chains'
import { beforeAll, expect, inject, test } from 'vitest'
import { authority } from '../../test/mock-authority/index.ts'
import { DEVELOPMENT_PARAMETERS, deploy } from './deploy.ts'
import type { Deployment } from './deployment.ts'
import { expire, findRequest, overdueRequests } from './expire.ts'
import { type RelayParams, type Requested, request, requestByHash, type Wallet } from './relay.ts'

// Accounts of its own: other files use the same chain at the same time.
const [operator, consumer, anybody] = [5, 6, 7].map(walletOf) as [Wallet, Wallet, Wallet]
const ARTIFACT: Hex = `0x${'22'.repeat(32)}`
const MANIFEST: Hex = `0x${'11'.repeat(32)}`
const release = releaseId(operator.account.address.toLowerCase() as Hex, MANIFEST)
/** A cover of four requests. */
const PARAMETERS = { ...DEVELOPMENT_PARAMETERS, penalty: DEVELOPMENT_PARAMETERS.slotStake / 4n }
const chain = createTestClient({
  mode: 'anvil',
  chain: anvilChain,
  transport: http(inject('rpcUrl')),
  pollingInterval: 10,
  cacheTime: 0,
}).extend(publicActions) as TestClient & PublicClient
const client: PublicClient = chain

let deployment: Deployment
let fromBlock: bigint

beforeAll(async () => {
  deployment = await deploy({ client, wallet: operator, root: authority.root, parameters: PARAMETERS })
  const releases = { address: deployment.releases, abi: releasesAbi } as const
  const operators = { address: deployment.operators, abi: operatorsAbi } as const
  const measurements = [{ kind: 1, digest: MANIFEST }]
  await mined(operator.writeContract({ ...releases, functionName: 'list', args: [MANIFEST, measurements] }))
  const value = 4n * PARAMETERS.slotStake
  await mined(operator.writeContract({ ...operators, functionName: 'bond', value }))
  await mined(operator.writeContract({ ...operators, functionName: 'declare', args: [release, 1] }))
  const offer = [ARTIFACT, ZERO_ADDRESS, 1n, 1] as const
  await mined(operator.writeContract({ ...operators, functionName: 'announce', args: offer }))
  // Stake and offer serve from the next epoch on.
  await chain.increaseTime({ seconds: 2 })
  await chain.mine({ blocks: 1 })
  fromBlock = BigInt(deployment.block)
})

test('requests of a range are found when they are overdue and open, and expired once', async () => {
  const [first, second, patient] = [await ask(12), await ask(12), await ask(600)]
  const byHash = await askByHash(12)
  const { relay } = deployment
  expect(await overdueRequests({ client, relay, fromBlock })).toEqual([])
  const early = expire({ client, wallet: anybody, relay, request: first })
  await expect(early).rejects.toMatchObject({
    code: 'relay-reverted',
    fix: 'Wait for the deadline that the error names.',
  })
  await expect(early).rejects.toThrow('DeadlineNotReached')

  // No block is mined: it is the next one that will be late.
  await chain.increaseTime({ seconds: 20 })
  const found = await overdueRequests({ client, relay, fromBlock })
  expect(found.map(({ id }) => id)).toEqual([first.id, second.id, byHash.id])
  expect(found[0]).toEqual({ id: first.id, request: first.request, blockNumber: first.blockNumber })
  const range = { client, relay, fromBlock: second.blockNumber, toBlock: second.blockNumber }
  expect((await overdueRequests(range)).map(({ id }) => id)).toEqual([second.id])
  expect(await overdueRequests({ ...range, time: second.request.params.deadline })).toEqual([])

  const before = await credit()
  const expired = await expire({ client, wallet: anybody, relay, request: found[0]! })
  const { penalty, compensationCap } = PARAMETERS
  expect(expired).toMatchObject({ id: first.id, assigned: operator.account.address, slashed: penalty })
  const gain = (await credit()) - before
  expect(gain).toBeGreaterThanOrEqual(first.request.params.fee + compensationCap)
  expect(await expire({ client, wallet: anybody, relay, request: byHash })).toMatchObject({
    assigned: ZERO_ADDRESS,
    slashed: 0n,
  })

  const after = await credit()
  expect(await expire({ client, wallet: anybody, relay, request: first })).toBeUndefined()
  expect(await credit()).toBe(after)
  expect((await overdueRequests({ client, relay, fromBlock })).map(({ id }) => id)).toEqual([second.id])
  expect((await findRequest({ client, relay, id: patient.id, fromBlock }))?.request).toEqual(patient.request)
})

test('two that expire the same request at once: one does, the other finds it closed', async () => {
  const { relay } = deployment
  const asked = await ask(12)
  await chain.increaseTime({ seconds: 20 })
  const both = [consumer, anybody].map(wallet => expire({ client, wallet, relay, request: asked }))
  const ended = await Promise.all(both)
  expect(ended.filter(one => one !== undefined)).toHaveLength(1)
})

test('a request is found by its id, of either kind', async () => {
  const { relay } = deployment
  const byHash = await askByHash(600)
  expect(await findRequest({ client, relay, id: byHash.id, fromBlock })).toEqual({
    id: byHash.id,
    request: byHash.request,
    blockNumber: byHash.blockNumber,
  })
  expect(await findRequest({ client, relay, id: ARTIFACT, fromBlock })).toBeUndefined()
  const before = { client, relay, id: byHash.id, fromBlock, toBlock: byHash.blockNumber - 1n }
  expect(await findRequest(before)).toBeUndefined()
})

test('when open requests use the stake cover up, one by hash is taken, and overdue ones are expired to go on', async () => {
  const { relay } = deployment
  const refused = await askUntilRefused()
  expect(refused).toMatchObject({
    code: 'relay-reverted',
    message: expect.stringContaining('StakeCoverExhausted'),
    fix: expect.stringMatching(/expire .*requestByHash/),
  })
  await askByHash(12)
  await chain.increaseTime({ seconds: 20 })
  for (const overdue of await overdueRequests({ client, relay, fromBlock }))
    await expire({ client, wallet: anybody, relay, request: overdue })
  // What was slashed in an epoch counts until it ends.
  await chain.increaseTime({ seconds: 2 })
  await chain.mine({ blocks: 1 })
  expect(await ask(12)).toMatchObject({ id: expect.any(String) })
})

async function askUntilRefused(): Promise<unknown> {
  for (let asked = 0; asked <= 4; asked++) {
    const refusal = await ask(12).then(
      () => undefined,
      error => error,
    )
    if (refusal) return refusal
  }
  return undefined
}

function walletOf(addressIndex: number): Wallet {
  const phrase = 'test test test test test test test test test test test junk'
  const account = mnemonicToAccount(phrase, { addressIndex })
  return createWalletClient({ chain: anvilChain, transport: http(inject('rpcUrl')), account })
}

async function mined(sent: Promise<Hex>): Promise<void> {
  const { status } = await client.waitForTransactionReceipt({ hash: await sent })
  expect(status).toBe('success')
}

async function ask(seconds: number): Promise<Requested> {
  const params = await paramsOf(seconds)
  return request({ client, wallet: consumer, relay: deployment.relay, params, input: '0x00' })
}

async function askByHash(seconds: number): Promise<Requested> {
  const params = await paramsOf(seconds)
  const inputHash = keccak256(new Uint8Array([1]))
  const source = 'https://nacre.test/input'
  return requestByHash({ client, wallet: consumer, relay: deployment.relay, params, inputHash, source })
}

async function paramsOf(seconds: number): Promise<RelayParams> {
  const { timestamp } = await client.getBlock({ blockTag: 'pending' })
  return {
    artifact: ARTIFACT,
    feeToken: ZERO_ADDRESS,
    fee: 10n ** 12n,
    maxOutput: 1024,
    callbackGas: 50_000,
    maxGasPrice: 10n ** 10n,
    deadline: timestamp + BigInt(seconds),
    assurance: 1,
    maxEvidenceAge: 86_400,
    releases: [release],
    publishers: [],
  }
}

function credit(): Promise<bigint> {
  const call = { address: deployment.relay, abi: relayAbi, functionName: 'balanceOf' } as const
  return client.readContract({ ...call, args: [consumer.account.address, ZERO_ADDRESS] })
}
