import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { enclaveRegistryAbi, operatorsAbi, relayAbi } from '@nacre/contracts'
import { encodeTensor, type Hex, toHex } from '@nacre/verify'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { encodeModel, GATHER } from '../../../enclave/test/onnxModel.ts'
import { createWorld, eventually, type World } from '../../testing/operatorWorld.ts'
import { parseConfig } from '../common/config.ts'
import { createShutdown, type Shutdown } from '../common/shutdown.ts'
import { operatorConfig } from './config.ts'
import { type Operator, startOperator } from './start.ts'

let world: World
let shutdown: Shutdown | undefined
const lines: string[] = []

beforeAll(async () => {
  world = await createWorld()
})

afterEach(() => shutdown?.close())

afterAll(() => world.close())

async function start(changes: Record<string, unknown> = {}): Promise<Operator> {
  const logger = pino({ level: 'debug' }, { write: line => void lines.push(line) })
  shutdown = createShutdown({ logger })
  const config = parseConfig(operatorConfig, { ...world.config, pollMs: 100, ...changes }, 'test')
  const { close } = shutdown
  const starting = startOperator({ config, logger, metrics: new Registry(), shutdown })
  const operator = await starting.catch(error => close().then(() => Promise.reject(error)))
  operator.failed.catch(() => {})
  return operator
}

const relay = () => ({ address: world.deployment.relay, abi: relayAbi }) as const
const stake = () =>
  world.chain.readContract({
    address: world.deployment.operators,
    abi: operatorsAbi,
    functionName: 'slashableOf',
    args: [world.operator.address],
  })
const covered = () => world.chain.readContract({ ...relay(), functionName: 'coveredRequests' })

test('evidence is renewed before a request may demand younger; a configuration that would not is refused', async () => {
  const least = await world.chain.readContract({ ...relay(), functionName: 'MIN_EVIDENCE_AGE' })
  await expect(start({ refreshAfterS: Number(least) })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    fix: expect.stringContaining(String((Number(least) * 3) / 4)),
  })
  await start()
  const id = await world.ask({ maxEvidenceAge: Number(least) })
  expect(await world.untilFulfilled(id)).toMatchObject({ status: 0 })
})

test('a request on which the engine fails costs no stake: the duty ends, and the request stays open', async () => {
  const bytes = encodeModel(GATHER)
  const artifact = toHex(createHash('sha256').update(bytes).digest())
  const file = join(world.dir, 'gather.onnx')
  writeFileSync(file, bytes)
  await world.announce(artifact)
  await start({ artifacts: [...world.config.artifacts, file] })
  const outOfRange = encodeTensor({ dtype: 'int64', dims: [2], data: new BigInt64Array([0n, 99n]) })
  const before = await stake()
  const id = await world.ask({ artifact }, toHex(outOfRange))
  expect(await world.untilState(id, 'skipped')).toMatchObject({ reason: 'engine-failed' })
  expect(await covered()).toBe(0n)
  expect(await world.fulfilments(id)).toEqual([])
  expect(await stake()).toBe(before)
})

test('a key that the chain does not take any more is replaced, without a stampede meanwhile', async () => {
  const { url, receiptKey } = await start()
  const { registry, releaseId, configHash } = await identityOf(url)
  const from = lines.length
  const args = [receiptKey, releaseId, configHash] as const
  const wallet = world.walletOf(world.operatorKey)
  const call = { address: registry, abi: enclaveRegistryAbi, functionName: 'revokeKey', args } as const
  await world.mined(await wallet.writeContract(call))
  const id = await world.ask()
  expect(await world.untilFulfilled(id)).toMatchObject({ status: 0 })
  const fulfilled = (await world.fulfilments(id))[0]!
  expect(fulfilled.args.receiptKey.toLowerCase()).not.toBe(receiptKey)
  const answers = lines.slice(from).filter(line => line.includes('"answered"') && line.includes(id))
  expect(answers.length).toBeLessThanOrEqual(2)
})

test('what nobody answered is expired: the stake cover is free again, the consumer has its money', async () => {
  // Below the operator's price: nobody's duty.
  const id = await world.ask({ fee: 10n ** 12n })
  expect(await covered()).toBe(1n)
  await start({ expireAfterS: 1 })
  await world.chain.increaseTime({ seconds: 700 })
  await eventually(async () => {
    await world.chain.mine({ blocks: 1 })
    return (await covered()) === 0n ? true : undefined
  })
  await world.untilState(id, 'expired')
})

async function identityOf(url: string): Promise<{ registry: Hex; releaseId: Hex; configHash: Hex }> {
  const nonce = `0x${'11'.repeat(32)}`
  const answer = (await (await fetch(`${url}/v1/attestation?nonce=${nonce}`)).json()) as {
    identity: { configHash: Hex }
    config: { registry: Hex; releaseId: Hex }
  }
  return { ...answer.config, configHash: answer.identity.configHash }
}
