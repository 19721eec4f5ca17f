import { operatorsAbi, releasesAbi } from '@nacre/contracts'
import { DEVELOPMENT_PARAMETERS, type Deployment, deploy, expire, request, type Wallet } from '@nacre/sdk'
import { type Hex, releaseId, ZERO_ADDRESS } from '@nacre/verify'
import { createTestClient, createWalletClient, http, type PublicClient, publicActions } from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { anvil as anvilChain } from 'viem/chains'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { MNEMONIC } from '../cli/src/dev/settings.ts'
import { type Anvil, startAnvil } from '../host/src/processes/anvil.ts'
import { authority } from '../test/mock-authority/index.ts'
import type { BenchNetwork } from './network.ts'
import { isSound } from './relay.ts'
import { checkRun } from './relayChecks.ts'

/** That the benchmark would notice: a wei too many or too few, and a slash. */

const ARTIFACT: Hex = `0x${'22'.repeat(32)}`
const MANIFEST: Hex = `0x${'11'.repeat(32)}`
const DEADLINE_S = 60

let anvil: Anvil
let chain: ReturnType<typeof connect>
let client: PublicClient
let wallet: Wallet
let deployment: Deployment
let asked: Awaited<ReturnType<typeof request>>

beforeAll(async () => {
  anvil = await startAnvil()
  chain = connect()
  client = chain as unknown as PublicClient
  const account = mnemonicToAccount(MNEMONIC)
  wallet = createWalletClient({ account, chain: anvilChain, transport: http(anvil.rpcUrl) })
  deployment = await deploy({ client, wallet, root: authority.root })
  const releases = { address: deployment.releases, abi: releasesAbi } as const
  const operators = { address: deployment.operators, abi: operatorsAbi } as const
  const release = releaseId(account.address.toLowerCase() as Hex, MANIFEST)
  const listed = [MANIFEST, [{ kind: 1, digest: `0x${'44'.repeat(32)}` }]] as const
  await mined(await wallet.writeContract({ ...releases, functionName: 'list', args: listed }))
  const value = DEVELOPMENT_PARAMETERS.slotStake
  await mined(await wallet.writeContract({ ...operators, functionName: 'bond', value }))
  await mined(await wallet.writeContract({ ...operators, functionName: 'declare', args: [release, 1] }))
  const offer = [ARTIFACT, ZERO_ADDRESS, 1n, 1] as const
  await mined(await wallet.writeContract({ ...operators, functionName: 'announce', args: offer }))
  await pass(2)
  const { timestamp } = await chain.getBlock()
  const terms = { artifact: ARTIFACT, feeToken: ZERO_ADDRESS, fee: DEVELOPMENT_PARAMETERS.minFee }
  const limits = { maxOutput: 32, callbackGas: 50_000, maxGasPrice: 10n ** 10n, assurance: 1 }
  const policy = { maxEvidenceAge: 86_400, releases: [release], publishers: [] }
  const params = { ...terms, ...limits, ...policy, deadline: timestamp + BigInt(DEADLINE_S) }
  asked = await request({ client, wallet, relay: deployment.relay, params, input: '0x' })
})

afterAll(() => anvil?.stop())

test.each(['relay', 'operators'] as const)('a wei too many or too few at the %s is noticed', async name => {
  const address = deployment[name]
  const held = await chain.getBalance({ address })
  for (const value of [held + 1n, held - 1n]) {
    await chain.setBalance({ address, value })
    expect(await check()).toMatchObject({ conserved: false })
  }
  await chain.setBalance({ address, value: held })
  expect(await check()).toMatchObject({ conserved: true, slashed_honest: 0, duplicated: 0 })
})

test('a slash is noticed, and every wei of it is found', async () => {
  await pass(DEADLINE_S + 1)
  await expire({ client, wallet, relay: deployment.relay, request: asked })
  expect(await check()).toMatchObject({ conserved: true, slashed_honest: 1, duplicated: 0 })
})

test.each([{ answered: 8 }, { refunded: 2 }, { duplicated: 1 }, { slashed_honest: 1 }, { conserved: false }])(
  'a run with %o is not sound',
  wrong => {
    const ends = { requests: 10, answered: 9, refunded: 1, duplicated: 0, slashed_honest: 0, conserved: true }
    const figures = { reverted: 0, p50_ms: 1, p99_ms: 1, per_second: 1, killed: 0, operators: 3, seed: 1 }
    expect(isSound({ ...ends, ...figures })).toBe(true)
    expect(isSound({ ...ends, ...figures, ...wrong })).toBe(false)
  },
)

function check() {
  return checkRun(client, { deployment, operatorUrls: [] as string[] } as BenchNetwork, [asked.id])
}

function connect() {
  const transport = http(anvil.rpcUrl)
  const settings = { mode: 'anvil', chain: anvilChain, transport, pollingInterval: 10, cacheTime: 0 } as const
  return createTestClient(settings).extend(publicActions)
}

async function mined(hash: Hex): Promise<void> {
  expect(await chain.waitForTransactionReceipt({ hash })).toMatchObject({ status: 'success' })
}

async function pass(seconds: number): Promise<void> {
  await chain.increaseTime({ seconds })
  await chain.mine({ blocks: 1 })
}
