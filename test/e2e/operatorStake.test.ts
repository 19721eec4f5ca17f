import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join as joinPath } from 'node:path'
import { operatorsAbi, releasesAbi } from '@nacre/contracts'
import { DEVELOPMENT_PARAMETERS, type Deployment, deploy } from '@nacre/sdk'
import { type Hex, releaseId } from '@nacre/verify'
import { createTestClient, http, publicActions, walletActions } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { anvil as anvilChain } from 'viem/chains'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readerOf, signerOf } from '../../cli/src/operator/chain.ts'
import { type JoinOptions, join } from '../../cli/src/operator/join.ts'
import { leave } from '../../cli/src/operator/leave.ts'
import { list, retractOffer, set } from '../../cli/src/operator/prices.ts'
import { status } from '../../cli/src/operator/status.ts'
import { withdraw } from '../../cli/src/operator/withdraw.ts'
import type { Output } from '../../cli/src/output.ts'
import { encryptKey } from '../../host/src/operator/keystore.ts'
import { type Anvil, startAnvil } from '../../host/src/processes/anvil.ts'
import { loadIndex, modelPath } from '../../models/samples.ts'
import { runCommand } from './command.ts'

// Commands of an operator, in this process, on a chain of their own. No agent runs.

const DEPLOYER = privateKeyToAccount('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80')
const SLOT = DEVELOPMENT_PARAMETERS.slotStake
const IRIS = loadIndex().find(({ name }) => name === 'iris-ols')!.sha256
const MANIFEST: Hex = `0x${'ab'.repeat(32)}`
const key = generatePrivateKey()
const operator = privateKeyToAccount(key)
const account = operator.address.toLowerCase() as Hex

const dir = mkdtempSync(joinPath(tmpdir(), 'nacre-stake-'))
const base = { state: joinPath(dir, 'no-network'), config: joinPath(dir, 'config.json') }
const sure = { ...base, yes: true }

let anvil: Anvil
let chain: ReturnType<typeof chainOf>
let deployment: Deployment

beforeAll(async () => {
  anvil = await startAnvil()
  chain = chainOf(anvil.rpcUrl)
  const client = readerOf(31_337, anvil.rpcUrl)
  const wallet = signerOf(client, DEPLOYER)
  deployment = await deploy({ client, wallet, root: await root() })
  const args = [MANIFEST, [{ kind: 1, digest: MANIFEST }]] as const
  await mined(
    await wallet.writeContract({
      address: deployment.releases,
      abi: releasesAbi,
      functionName: 'list',
      args,
    }),
  )
  await chain.setBalance({ address: operator.address, value: 10n * SLOT })
  await writeConfig()
})

afterAll(async () => {
  await anvil?.stop()
  rmSync(dir, { recursive: true, force: true })
})

test('the contract’s own refusal is told, and how to fix it', async () => {
  const early = result((options, output) => set('iris-ols', options, output), {
    ...sure,
    price: '1gwei',
    minDeadline: 10,
  })
  await expect(early).rejects.toMatchObject({
    code: 'relay-reverted',
    message: expect.stringContaining('NoStake'),
    fix: expect.stringContaining('nacre operator join'),
  })
})

test('join shows its plan, sends what is missing, and sends nothing the second time', async () => {
  const wanted: JoinOptions = { ...base, slots: 2, minDeadline: 10, price: '0.001ether' }
  const shown = await result(join, { ...wanted, dryRun: true })
  expect(shown.value).toMatchObject({ account, sent: [], planned: { length: 3 } })
  expect(shown.text).toContain(`bond 2 ether for 2 slots`)
  // Without a terminal nobody can be asked.
  await expect(result(join, wanted)).rejects.toMatchObject({ code: 'not-confirmed' })
  expect(await slots()).toBe(0n)

  const first = await result(join, { ...wanted, yes: true })
  expect(first.value.sent.map((one: { what: string }) => one.what)).toEqual(shown.value.planned)
  expect(await slots()).toBe(2n)
  const again = await result(join, { ...wanted, yes: true })
  expect(again.value).toMatchObject({ sent: [], planned: [], already: { length: 3 } })
  const fewer = await result(join, { ...sure, slots: 1, minDeadline: 10 })
  expect(fewer.value).toMatchObject({ sent: [] })
})

test('a join that was stopped half way is completed: what was sent and waits is not sent again', async () => {
  await chain.setAutomine(false)
  const wanted = { ...sure, slots: 3, minDeadline: 10, price: '0.001ether' }
  const stopped = result(join, wanted)
  await expect.poll(async () => (await chain.getTxpoolStatus()).pending).toBe(1)
  // The second begins while the first one's transaction waits in the pool.
  const second = result(join, wanted)
  await chain.setAutomine(true)
  await chain.mine({ blocks: 1 })
  const [one, two] = await Promise.all([stopped, second])
  expect([...one.value.sent, ...two.value.sent]).toHaveLength(1)
  expect(await slots()).toBe(3n)
})

test('what cannot be is refused before anything is sent', async () => {
  const wanted = { ...sure, slots: 3, minDeadline: 10 }
  const refused = (changes: Partial<JoinOptions>) => result(join, { ...wanted, ...changes })
  await expect(refused({ release: `0x${'cd'.repeat(32)}` })).rejects.toMatchObject({ code: 'bad-input' })
  await expect(refused({ artifact: ['lenet5'] })).rejects.toMatchObject({ code: 'unknown-model' })
  await expect(refused({ artifact: [`0x${'ef'.repeat(32)}`] })).rejects.toThrow('has no price yet')
  await expect(refused({ price: '5' })).rejects.toThrow('is not an amount')
  await expect(refused({ slots: 500 })).rejects.toMatchObject({ code: 'no-funds' })
})

test('prices are listed, set, retracted, and set again', async () => {
  const before = await result(list, base)
  const offer = { artifact: IRIS, price: 10n ** 15n, min_deadline: 10 }
  expect(before.value).toMatchObject({ account, offers: [offer] })
  const setIris = (options: typeof terms, output: Output) => set('iris-ols', options, output)
  const terms = { ...sure, price: '7gwei', minDeadline: 30 }
  expect((await result(setIris, terms)).value.sent).toHaveLength(1)
  expect(
    (await result((options, output) => set(modelPath('iris-ols'), options, output), terms)).value.sent,
  ).toHaveLength(0)
  expect((await result(list, base)).value.offers).toMatchObject([{ price: 7n * 10n ** 9n, min_deadline: 30 }])
  for (const count of [1, 0])
    expect(
      (await result((options, output) => retractOffer(IRIS, options, output), sure)).value.sent,
    ).toHaveLength(count)
  expect((await result(list, base)).value.offers).toEqual([])
  expect((await result(setIris, terms)).value.sent).toHaveLength(1)
})

test('what another program of the account replaces is sent again', async () => {
  await chain.setAutomine(false)
  const terms = { ...sure, price: '8gwei', minDeadline: 30 }
  const setting = result((options, output) => set('iris-ols', options, output), terms)
  await expect.poll(async () => (await chain.getTxpoolStatus()).pending).toBe(1)
  const nonce = await chain.getTransactionCount({ address: operator.address })
  const fees = { maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 10n ** 11n }
  const call = {
    to: operator.address,
    nonce,
    gas: 21_000n,
    chainId: 31_337,
    type: 'eip1559',
    ...fees,
  } as const
  await chain.sendRawTransaction({ serializedTransaction: await operator.signTransaction(call) })
  await chain.mine({ blocks: 1 })
  await chain.setAutomine(true)
  expect((await setting).value.sent).toHaveLength(1)
  expect((await result(list, base)).value.offers).toMatchObject([{ price: 8n * 10n ** 9n }])
})

test('status of an operator without an agent', async () => {
  const { value, text } = await result((options, output) => status(undefined, options, output), base)
  expect(value).toMatchObject({
    account,
    stake: { slots: 3, bonded: 3n * SLOT, unbonding: 0n, available_at: null },
    release: { id: releaseId(DEPLOYER.address.toLowerCase() as Hex, MANIFEST), state: 'listed' },
    offers: [{ artifact: IRIS }],
    keys: [],
    credits: [],
    duties: [],
    agent: null,
  })
  expect(text).toContain('3 slots')
  const other = await result((options, output) => status(DEPLOYER.address, options, output), base)
  expect(other.value).toMatchObject({ stake: { slots: 0 }, release: { state: 'none' }, offers: [] })
})

test('leave says when the stake is free, is safe to repeat, and withdraw pays it then', async () => {
  const left = await result(leave, sure)
  expect(left.value.sent.map((one: { what: string }) => one.what)).toEqual([
    'retract iris-ols',
    'unbond 3 slots',
  ])
  const { available_at: availableAt } = left.value
  const again = await result(leave, sure)
  expect(again.value).toMatchObject({ sent: [], available_at: availableAt, unbonding: 3n * SLOT })
  expect(again.text).toContain('is free from')

  expect((await result(withdraw, sure)).value).toMatchObject({ sent: [] })
  await chain.setNextBlockTimestamp({ timestamp: BigInt(availableAt) })
  await chain.mine({ blocks: 1 })
  const to = privateKeyToAccount(generatePrivateKey()).address
  expect((await result(withdraw, { ...sure, to })).value.sent).toHaveLength(1)
  expect(await chain.getBalance({ address: to })).toBe(3n * SLOT)
  expect((await result(withdraw, { ...sure, to })).value).toMatchObject({ sent: [] })
})

/** What a command printed and resulted in; fails unless it exited 0. */
async function result<T>(command: (options: T, output: Output) => Promise<number>, options: T) {
  const { code, value, text } = await runCommand(output => command(options, output))
  expect(code).toBe(0)
  return { value, text: text() }
}

function chainOf(rpcUrl: string) {
  const options = {
    mode: 'anvil',
    chain: anvilChain,
    transport: http(rpcUrl),
    pollingInterval: 20,
    cacheTime: 0,
  } as const
  return createTestClient(options).extend(publicActions).extend(walletActions)
}

async function root(): Promise<Uint8Array> {
  const { loadRoot } = await import('../../host/src/nsm/root.ts')
  return (await loadRoot(joinPath(dir, 'root'))).certificate
}

async function writeConfig(): Promise<void> {
  const [keystoreFile, passwordFile] = [joinPath(dir, 'key.json'), joinPath(dir, 'password')]
  writeFileSync(keystoreFile, await encryptKey(key, 'test', { n: 2, r: 1, p: 1 }), { mode: 0o600 })
  writeFileSync(passwordFile, 'test\n', { mode: 0o600 })
  const config = {
    rpcUrl: anvil.rpcUrl,
    databaseUrl: 'postgresql://127.0.0.1/none',
    stateDir: dir,
    keystoreFile,
    passwordFile,
    deployment,
    imageDir: dir,
    artifacts: [modelPath('iris-ols')],
    release: { publisher: DEPLOYER.address, manifestHash: MANIFEST },
  }
  writeFileSync(base.config, JSON.stringify(config), { mode: 0o600 })
}

async function slots(): Promise<bigint> {
  const call = { address: deployment.operators, abi: operatorsAbi, functionName: 'slotsOf' } as const
  return chain.readContract({ ...call, args: [operator.address] })
}

async function mined(hash: Hex): Promise<void> {
  const { status: outcome } = await chain.waitForTransactionReceipt({ hash })
  expect(outcome).toBe('success')
}
