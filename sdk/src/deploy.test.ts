import { relayAbi, timelockControllerAbi } from '@nacre/contracts'
import { type Hex, ZERO_ADDRESS } from '@nacre/verify'
import { createPublicClient, createWalletClient, http, type PublicClient } from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { anvil as anvilChain } from 'viem/chains'
import { beforeAll, expect, inject, test } from 'vitest'
import { authority } from '../../test/mock-authority/index.ts'
import { deploy } from './deploy.ts'
import { checkDeployment, type Deployment, parseDeployment, serializeDeployment } from './deployment.ts'
import { quote, type RelayParams, request, requestedIn, type Wallet, waitForAnswer } from './relay.ts'

let client: PublicClient
let wallet: Wallet
let deployment: Deployment

beforeAll(async () => {
  const account = mnemonicToAccount('test test test test test test test test test test test junk')
  const transport = http(inject('rpcUrl'))
  client = createPublicClient({
    chain: anvilChain,
    transport,
    pollingInterval: 10,
    cacheTime: 0,
  }) as PublicClient
  wallet = createWalletClient({ chain: anvilChain, transport, account })
  deployment = await deploy({ client, wallet, root: authority.root })
})

const params = (): RelayParams => ({
  artifact: `0x${'22'.repeat(32)}`,
  feeToken: ZERO_ADDRESS,
  fee: 10n ** 12n,
  maxOutput: 1024,
  callbackGas: 50_000,
  maxGasPrice: 10n ** 10n,
  deadline: BigInt(Math.floor(Date.now() / 1000) + 300),
  assurance: 1,
  maxEvidenceAge: 86_400,
  releases: [`0x${'11'.repeat(32)}`],
  publishers: [],
})
const ask = (changes: Partial<RelayParams>) =>
  request({ client, wallet, relay: deployment.relay, params: { ...params(), ...changes }, input: '0x00' })

test('the contracts name each other, and the file is read back', async () => {
  await checkDeployment(client, deployment)
  const relay = { address: deployment.relay, abi: relayAbi } as const
  expect((await client.readContract({ ...relay, functionName: 'OPERATORS' })).toLowerCase()).toBe(
    deployment.operators,
  )
  const delay = {
    address: deployment.timelock,
    abi: timelockControllerAbi,
    functionName: 'getMinDelay',
  } as const
  expect(await client.readContract(delay)).toBe(0n)
  expect(parseDeployment(serializeDeployment(deployment))).toEqual(deployment)
})

test('a deployment of another chain, or whose contracts are gone, is refused', async () => {
  const elsewhere: Deployment = { ...deployment, genesisHash: `0x${'00'.repeat(32)}` }
  await expect(checkDeployment(client, elsewhere)).rejects.toMatchObject({ code: 'wrong-chain' })
  const gone: Deployment = { ...deployment, relay: `0x${'09'.repeat(20)}` }
  await expect(checkDeployment(client, gone)).rejects.toMatchObject({ code: 'deployment-missing' })
})

test.each(['', '[]', '{"version":2}', '{"version":1,"chainId":"1"}'])('%j is not a deployment', text => {
  expect(() => parseDeployment(text)).toThrow(expect.objectContaining({ code: 'deployment-invalid' }))
})

test('a quote covers the fee and the gas deposit', async () => {
  const value = await quote({ client, relay: deployment.relay, params: params() })
  expect(value).toBeGreaterThan(params().fee)
})

test.each([
  ['EmptyPolicy', { releases: [] }],
  ['FeeTooLow', { fee: 0n }],
  ['CallbackGasOutOfRange', { callbackGas: 1 }],
  ['DeadlineOutOfRange', { deadline: 1n }],
  ['EvidenceAgeTooStrict', { maxEvidenceAge: 60 }],
  ['UnknownAssurance', { assurance: 0 }],
  ['UnknownArtifact', {}],
])('%s is named, with how to fix it', async (name, changes) => {
  const failed = ask(changes)
  await expect(failed).rejects.toMatchObject({ code: 'relay-reverted', fix: expect.stringMatching(/\w/) })
  await expect(failed).rejects.toThrow(name)
})

test('a transaction that asked nothing, and a request that nobody answers', async () => {
  const hash = await wallet.sendTransaction({ to: deployment.relay.replace(/.$/, '0') as Hex, value: 0n })
  const receipt = await client.waitForTransactionReceipt({ hash })
  expect(() => requestedIn(receipt, deployment.relay)).toThrow(
    expect.objectContaining({ code: 'not-requested' }),
  )
  const waiting = {
    client,
    relay: deployment.relay,
    id: `0x${'33'.repeat(32)}` as Hex,
    fromBlock: 0n,
    timeout: 50,
  }
  await expect(waitForAnswer(waiting)).rejects.toMatchObject({ code: 'answer-timeout' })
})
