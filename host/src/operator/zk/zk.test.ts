import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { relayAbi, zkVerifiersAbi } from '@nacre/contracts'
import { encodeModel } from '@nacre/proofs/zk/graph/model'
import { run } from '@nacre/proofs/zk/graph/reference'
import { irisNetwork, irisRegression } from '@nacre/proofs/zk/graph/samples'
import { encodeInput, inputHashOf } from '@nacre/proofs/zk/groth16/input'
import { requestByHash } from '@nacre/sdk'
import { readZkAnswer, verifyZkAnswer } from '@nacre/sdk/zk/answer'
import { readZkKey } from '@nacre/sdk/zk/keys'
import { requestZk, type ZkTerms, zkParams } from '@nacre/sdk/zk/request'
import { decodeTensor, fromHex } from '@nacre/verify'
import { pino } from 'pino'
import { decodeFunctionData, type Hex, isAddressEqual, parseTransaction, toHex, zeroAddress } from 'viem'
import { generatePrivateKey } from 'viem/accounts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type AgentProcess, killAgent, startAgentProcess } from '../../../testing/agentProcess.ts'
import { DEPLOYER, FEE } from '../../../testing/chainWorld.ts'
import { type RpcProxy, startRpcProxy } from '../../../testing/rpcProxy.ts'
import { type SqlProxy, startSqlProxy } from '../../../testing/sqlProxy.ts'
import { createZkWorld, type ZkWorld } from '../../../testing/zkWorld.ts'
import { parseConfig } from '../../common/config.ts'
import { createShutdown } from '../../common/shutdown.ts'
import { operatorConfig } from '../config.ts'
import type { RequestRow } from '../tables.ts'
import { readZkModels } from './models.ts'
import { createProver } from './prover.ts'

const MODEL = irisRegression()
const { graph } = MODEL
const INPUT = Int32Array.of(51, 35, 14, -2)
const OTHER = Int32Array.of(51, 35, 14, -3)

let world: ZkWorld
let rpc: RpcProxy
let sql: SqlProxy
let agent: AgentProcess

beforeAll(async () => {
  world = await createZkWorld(MODEL)
  rpc = await startRpcProxy(world.rpcPort)
  sql = await startSqlProxy(world.processes.server.port)
  agent = await start()
})

afterAll(async () => {
  await agent?.child.stop()
  rpc?.close()
  sql?.close()
  await world?.close()
})

function start(): Promise<AgentProcess> {
  const databaseUrl = new URL(world.config.databaseUrl)
  databaseUrl.port = String(sql.port)
  return startAgentProcess(world, { rpcUrl: rpc.url, databaseUrl: databaseUrl.href, pollMs: 100 })
}

const relay = () => ({ address: world.deployment.relay, abi: relayAbi }) as const
const wallet = () => world.walletOf(DEPLOYER)

async function ask(input = INPUT, changes: Partial<ZkTerms> = {}): Promise<Hex> {
  const { client, deployment, artifact } = world
  const { relay } = deployment
  const terms = await world.terms(changes)
  return (await requestZk({ client, wallet: wallet(), relay, artifact, graph, input, terms })).id
}

const acceptances = (id: Hex) =>
  world.chain.getContractEvents({ ...relay(), eventName: 'Accepted', args: { id }, fromBlock: 0n })
const credit = (account: Hex) =>
  world.chain.readContract({ ...relay(), functionName: 'balanceOf', args: [account, zeroAddress] })

test('an operator without an enclave accepts, proves and is paid; anyone checks the proof again', async () => {
  const before = await credit(world.operator.address)
  const id = await ask()
  const fulfilled = await world.untilFulfilled(id)
  expect(fulfilled).toMatchObject({ status: 0, operator: world.operator.address, receiptKey: zeroAddress })
  expect(fulfilled.paid).toBe(FEE)
  expect(await credit(world.operator.address)).toBe(before + FEE + fulfilled.gasPaid)
  expect(await acceptances(id)).toHaveLength(1)

  const { client, deployment, artifact } = world
  const { transactionHash } = (await world.fulfilments(id))[0]!
  const answer = await readZkAnswer({ client, relay: deployment.relay, id, transactionHash })
  expect(decodeTensor(fromHex(answer.output)).data).toEqual(run(graph, MODEL.weights, INPUT).at(-1))
  const { zkVerifiers, enclaveRegistry: registry } = deployment
  const keyFile = (await readZkKey({ client, zkVerifiers, artifact }))!
  expect(keyFile).toEqual(world.keyFile)
  const expected = {
    keyFile,
    domain: { chainId: 31337n, registry },
    requestId: id,
    receiptId: fulfilled.receiptId,
  }
  const asked = { graph, input: INPUT }
  expect(verifyZkAnswer(answer, { ...expected, asked })).toMatchObject({ ok: true })
  const failed = (changes: object, expectation = {}) =>
    verifyZkAnswer({ ...answer, ...changes }, { ...expected, asked, ...expectation })
      .checks.filter(({ ok }) => !ok)
      .map(({ name }) => name)
  const changed = (bytes: Hex) => `${bytes.slice(0, -2)}${bytes.endsWith('00') ? '01' : '00'}` as Hex
  expect(failed({ output: changed(answer.output) })).toEqual(['output', 'proof'])
  expect(failed({ proof: changed(answer.proof) })).toEqual(['proof'])
  expect(failed({}, { asked: { graph, input: OTHER } })).toEqual(['input'])
  expect(failed({}, { requestId: answer.receipt.artifact })).toEqual(['request'])
  // A transaction to another contract, as whoever copies an answer may send it, is no call that can be read.
  const events = {
    address: zkVerifiers,
    abi: zkVerifiersAbi,
    eventName: 'Registered',
    fromBlock: 0n,
  } as const
  const [registered] = await world.chain.getContractEvents(events)
  const elsewhere = { relay: deployment.relay, transactionHash: registered!.transactionHash }
  await expect(readZkAnswer({ client, id, ...elsewhere })).rejects.toMatchObject({ code: 'bad-answer' })
  expect(await readZkKey({ client, zkVerifiers, artifact: answer.receipt.requestId })).toBeUndefined()
  // Its key is of a development setup.
  expect(failed({}, { domain: { chainId: 1n, registry } })).toEqual(['receipt', 'setup'])
})

test('killed -9 between acceptance and answer it proves again, and fulfils once', async () => {
  const held = sql.hold(/update "requests" set[\s\S]*answered/, 'before')
  const id = await ask()
  await held
  expect(await acceptances(id)).toHaveLength(1)
  await killAgent(agent)
  agent = await start()
  expect(await world.untilFulfilled(id)).toMatchObject({ operator: world.operator.address, status: 0 })
  await world.untilState(id, 'fulfilled')
  expect(await acceptances(id)).toHaveLength(1)
  expect(await world.fulfilments(id)).toHaveLength(1)
})

test('an input with another commitment, or none that the network takes, is never accepted', async () => {
  const { client, deployment, artifact } = world
  const { relay } = deployment
  const params = zkParams(artifact, await world.terms())
  const byHash = async (source: Uint8Array | string, inputHash: Hex) =>
    (await requestByHash({ client, wallet: wallet(), relay, params, inputHash, source })).id
  const bytes = encodeInput(graph, INPUT)
  const ids = [
    await byHash(bytes, inputHashOf(graph, OTHER)),
    await byHash(bytes.subarray(1), inputHashOf(graph, INPUT)),
    await byHash('file:///etc/passwd', inputHashOf(graph, INPUT)),
  ]
  for (const id of ids) {
    expect(await world.untilState(id, 'skipped')).toMatchObject({ reason: 'input-refused' })
    expect(await acceptances(id)).toEqual([])
  }
})

test('what can be accepted, and not answered before the deadline of a chain of slow blocks, is left to others', async () => {
  const { chain } = world
  await chain.setBlockTimestampInterval({ interval: 12 })
  await chain.mine({ blocks: 9 })
  const { timestamp } = await chain.getBlock()
  // 45 seconds after the request's block: three more blocks, and the acceptance alone may take two.
  const id = await ask(INPUT, { deadline: timestamp + 12n + 45n })
  expect(await world.untilState(id, 'skipped')).toMatchObject({ reason: 'too-late' })
  expect(await acceptances(id)).toEqual([])
  await chain.removeBlockTimestampInterval()
  await chain.mine({ blocks: 9 })
})

test('whoever copies the proof from the mempool and is first has paid its gas, and earns nothing', async () => {
  const thief = world.walletOf(generatePrivateKey())
  const { address } = thief.account
  await world.chain.setBalance({ address, value: 10n ** 18n })
  const copied = Promise.withResolvers<Hex>()
  rpc.behave(async (call, forward) => {
    if (call.method === 'eth_sendRawTransaction') {
      const { to, data } = parseTransaction(call.params[0] as Hex)
      if (to && data && isFulfilment(to, data)) {
        const hash = await thief.sendTransaction({ to, data })
        await world.mined(hash)
        copied.resolve(hash)
      }
    }
    return forward()
  })
  const own = await credit(world.operator.address)
  const id = await ask()
  const hash = await copied.promise
  const [fulfilment] = await world.fulfilments(id)
  expect(fulfilment).toMatchObject({ transactionHash: hash, args: { operator: world.operator.address } })
  const { paid, gasPaid } = fulfilment!.args
  expect(await credit(world.operator.address)).toBe(own + paid + gasPaid)
  expect(await credit(address)).toBe(0n)
  expect(await world.chain.getBalance({ address })).toBeLessThan(10n ** 18n)
  await world.untilState(id, 'fulfilled')
  expect(await world.fulfilments(id)).toHaveLength(1)
})

function isFulfilment(to: Hex, data: Hex): boolean {
  if (!isAddressEqual(to, world.deployment.relay)) return false
  return decodeFunctionData({ abi: relayAbi, data }).functionName === 'fulfil'
}

test('a place is taken for every proof that is promised; none when the deadline is too near', async () => {
  const { zk } = parseConfig(operatorConfig, world.config, 'test')
  const models = await readZkModels(zk, 31_337)
  const common = {
    logger: pino({ level: 'silent' }),
    shutdown: createShutdown({ logger: pino({ level: 'silent' }) }),
  }
  const prover = await createProver({ common, database: {} as never, models, onDone: () => {} })
  const rowOf = (number: number) =>
    ({
      id: toHex(number),
      blockHash: '0x',
      artifact: world.artifact,
      deadline: 1_060n,
    }) as Partial<RequestRow> as RequestRow
  const taken = Array.from({ length: 60 }, (_, number) => prover.reserve(rowOf(number), 1_000n))
  const most = taken.indexOf(false)
  expect(most).toBeGreaterThan(0)
  expect(taken.slice(most)).not.toContain(true)
  // Whose place it is may ask again; a place that was given back, or whose deadline has passed, is free.
  expect(prover.reserve(rowOf(0), 1_000n)).toBe(true)
  prover.release(rowOf(0))
  expect(prover.reserve(rowOf(most), 1_000n)).toBe(true)
  expect(prover.reserve({ ...rowOf(99), deadline: 1_120n }, 1_061n)).toBe(true)
  await prover.close()
})

test('keys of a development setup are refused on other chains, and files of two models before anything is served', async () => {
  const { zk } = parseConfig(operatorConfig, world.config, 'test')
  await expect(readZkModels(zk, 1)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    why: expect.stringContaining('forge'),
  })
  const container = join(world.dir, 'other.nzkm')
  const other = irisNetwork()
  const scales = new Float64Array(other.graph.nodes.length + 1).fill(1)
  writeFileSync(container, encodeModel({ ...other, scales }))
  const mixed = [{ ...zk[0]!, container }]
  await expect(readZkModels([{ ...zk[0]!, verifyingKey: container }], 31_337)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('verifying key'),
  })
  const logger = pino({ level: 'silent' })
  const common = { logger, shutdown: createShutdown({ logger }) }
  const models = await readZkModels(mixed, 31_337)
  await expect(
    createProver({ common, database: {} as never, models, onDone: () => {} }),
  ).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining(container),
  })
})
