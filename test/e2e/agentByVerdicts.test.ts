import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { enclaveRegistryAbi, operatorsAbi, releasesAbi } from '@nacre/contracts'
import { evidenceMeasurement, type Hex, parseBundle, releaseId, verifyTdx } from '@nacre/verify'
import { parseDstackBundle } from '@nacre/verify/attest/dstackBundle'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type DstackAgent, startDstackAgent } from '../../enclave/test/dstackAgent.ts'
import { simulatedDriver } from '../../host/src/drivers/simulated.ts'
import { type AgentProcess, spawnAgent, startAgentProcess } from '../../host/testing/agentProcess.ts'
import { createWorld, DEPLOYER, eventually, type World } from '../../host/testing/operatorWorld.ts'
import { createVerifierNetwork, type VerifierNetwork } from '../../host/testing/verifierNetwork.ts'
import { CASE_POLICIES } from '../../vectors/statements/generate.ts'
import { createDstackAuthority } from '../mock-authority/index.ts'

/**
 * An agent as an operator runs it inside a machine of dstack's: its configuration names the driver, two operators of
 * verifier enclaves and a folder of collateral, and it does the rest. dstack's guest agent, Intel and AWS are mocks.
 */
let world: World
let dstack: DstackAgent
let network: VerifierNetwork
let agent: AgentProcess
let sandboxed: boolean
/** Of its configuration. */
let tee: object

type Health = { ok: boolean; receiptKey: string; enclavePid: number }

const TDX = 3
const TEE = 2

beforeAll(async () => {
  // An enclave finds the stand-in's socket only in a sandbox: host/src/drivers/dstack.test.ts.
  sandboxed = (await simulatedDriver.probe()).fix === undefined
  if (!sandboxed) return
  const time = BigInt(Math.floor(Date.now() / 1000))
  world = await createWorld()
  dstack = await startDstackAgent(time)
  process.env.DSTACK_SIMULATOR_ENDPOINT = dstack.socket
  const tdx = { ...CASE_POLICIES.tdx, roots: [dstack.pin] }
  const on = { rpcUrl: world.config.rpcUrl, registry: world.deployment }
  network = await createVerifierNetwork({ on, policies: { ...CASE_POLICIES, tdx } })
  const { quote } = parseDstackBundle(createDstackAuthority('dstack agent').issue({ time }).bundle)
  await declare(evidenceMeasurement('tdx', verifyTdx(quote, dstack.files, time, tdx).measurements))
  const collateralDir = join(world.dir, 'collateral')
  mkdirSync(collateralDir)
  for (const [name, bytes] of dstack.files) writeFileSync(join(collateralDir, name), bytes)
  const verifiers = network.vouching.map(({ url }) => url)
  tee = { driver: 'dstack', verifiers, collateralDir }
  agent = await startAgentProcess(world, { tee })
})

afterAll(async () => {
  delete process.env.DSTACK_SIMULATOR_ENDPOINT
  await agent?.child.stop()
  await network?.close()
  await dstack?.close()
  await world?.close()
})

const release = () => releaseId(world.release.publisher, world.release.manifestHash)

/** The publisher vouches for what the machine measures, and the operator says that it answers with hardware. */
async function declare(digest: Hex): Promise<void> {
  const measured = { address: world.deployment.releases, abi: releasesAbi, functionName: 'measure' } as const
  const args = [release(), [{ kind: TDX, digest }]] as const
  await world.mined(await world.walletOf(DEPLOYER).writeContract({ ...measured, args }))
  const declared = {
    address: world.deployment.operators,
    abi: operatorsAbi,
    functionName: 'declare',
  } as const
  const wallet = world.walletOf(world.operatorKey)
  await world.mined(await wallet.writeContract({ ...declared, args: [release(), TEE] }))
  await world.chain.increaseTime({ seconds: 2 })
  await world.chain.mine({ blocks: 1 })
}

async function registeredKeys(): Promise<{ receiptKey: string; kind: number }[]> {
  const logs = await world.chain.getContractEvents({
    ...{ address: world.deployment.enclaveRegistry, abi: enclaveRegistryAbi, eventName: 'KeyRegistered' },
    ...{ args: { operator: world.operator.address }, fromBlock: 0n, strict: true },
  })
  return logs.map(({ args: { receiptKey, kind } }) => ({ receiptKey: receiptKey.toLowerCase(), kind }))
}

test('its enclave’s key is registered as a TD’s, and answers a request that wants hardware', async () => {
  if (!sandboxed) return
  expect(await registeredKeys()).toEqual([{ receiptKey: agent.receiptKey, kind: TDX }])
  const id = await world.ask({ assurance: TEE })
  const { receiptKey } = await world.untilFulfilled(id)
  expect(receiptKey.toLowerCase()).toBe(agent.receiptKey)
  const { bundle } = await world.untilState(id, 'fulfilled')
  expect(parseBundle(bundle).evidence.kind).toBe('dstack')
})

test('the enclave that comes after it is vouched for as well', async () => {
  if (!sandboxed) return
  const health = async () => (await (await fetch(`${agent.url}/health`)).json()) as Health
  process.kill((await health()).enclavePid, 'SIGKILL')
  const other = await eventually(async () => {
    const { ok, receiptKey } = await health()
    return ok && receiptKey !== agent.receiptKey ? receiptKey : undefined
  })
  expect((await registeredKeys()).at(-1)).toEqual({ receiptKey: other, kind: TDX })
})

test('an agent whose verifiers are away says so, and stops when it is told to', async () => {
  if (!sandboxed) return
  await agent.child.stop()
  const verifiers = ['http://127.0.0.1:1', 'http://localhost:1']
  const told = Promise.withResolvers<void>()
  const onLine = (line: string) => line.includes('VERIFIERS_UNAVAILABLE') && told.resolve()
  const { child } = spawnAgent(world, { tee: { ...tee, verifiers } }, { onLine })
  await told.promise
  await child.stop()
  expect(await child.exited).toEqual({ code: 0, signal: null })
})
