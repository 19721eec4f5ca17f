import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { releasesAbi, verifierEnclaveAbi, verifierEnclaveBytecode } from '@nacre/contracts'
import { getArtifacts, type VerdictEvidence, verdictEvidence } from '@nacre/sdk'
import {
  encodeCase,
  encodePolicyArtifact,
  fromHex,
  type Hex,
  judgeCase,
  manifestHash,
  measurementDigest,
  releaseId,
  sha256,
  simulatedMeasurement,
} from '@nacre/verify'
import type { Abi } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildImage } from '../../enclave/scripts/build.ts'
import { IMAGES } from '../../enclave/scripts/images.ts'
import { type AgentProcess, startAgentProcess } from '../../host/testing/agentProcess.ts'
import { createWorld, DEPLOYER, eventually, type World } from '../../host/testing/operatorWorld.ts'
import { CASE_POLICIES, CASES } from '../../vectors/statements/generate.ts'

/** Two operators' agents serve the image that judges evidence; every part is the real one but Intel. */
const POLICY = encodePolicyArtifact(CASE_POLICIES.tdx)
const artifact = sha256(POLICY)
const TDX = 3

let world: World
let verifier: Hex
let release: { publisher: Hex; manifestHash: Hex }
let verifiersRelease: Hex
const agents: (AgentProcess & { operator: Hex })[] = []

beforeAll(async () => {
  world = await createWorld()
  const image = await buildImage(join(world.dir, 'attestation'), IMAGES.attestation)
  const publisher = world.release.publisher
  release = { publisher, manifestHash: manifestHash(image.manifest) }
  verifiersRelease = releaseId(publisher, release.manifestHash)
  const simulated = { kind: 1, digest: measurementDigest(simulatedMeasurement(image.manifest)) }
  await send(world.deployment.releases, releasesAbi, 'list', [release.manifestHash, [simulated]])
  writeFileSync(join(world.dir, 'policy.json'), POLICY)
  const args = [world.deployment.enclaveRegistry, TDX, artifact, wallet().account.address] as const
  const hash = await wallet().deployContract({
    abi: verifierEnclaveAbi,
    bytecode: verifierEnclaveBytecode,
    args,
  })
  const { contractAddress } = await world.chain.waitForTransactionReceipt({ hash })
  verifier = contractAddress as Hex
  for (const name of ['one', 'two']) agents.push(await startVerifier(name, image.dir))
  await send(verifier, verifierEnclaveAbi, 'acceptRelease', [verifiersRelease])
  for (const { operator } of agents) await send(verifier, verifierEnclaveAbi, 'acceptOperator', [operator])
})

afterAll(async () => {
  for (const { child } of agents) await child.stop()
  await world?.close()
})

const wallet = () => world.walletOf(DEPLOYER)

async function send(address: Hex, abi: Abi, functionName: string, args: readonly unknown[]): Promise<void> {
  await world.mined(await wallet().writeContract({ address, abi, functionName, args }))
}

/** An operator of its own, whose agent serves the image with the policy. */
async function startVerifier(name: string, imageDir: string): Promise<AgentProcess & { operator: Hex }> {
  const key = generatePrivateKey()
  const { address } = privateKeyToAccount(key)
  const privateKeyFile = join(world.dir, `${name}.key`)
  writeFileSync(privateKeyFile, key, { mode: 0o600 })
  await world.chain.setBalance({ address, value: 10n ** 20n })
  const agent = await startAgentProcess(world, {
    ...{ imageDir, release, privateKeyFile, artifacts: [join(world.dir, 'policy.json')], payments: {} },
    ...{ schema: name, stateDir: join(world.dir, name), rootDir: world.config.stateDir, claims: [verifier] },
  })
  return { ...agent, operator: address.toLowerCase() as Hex }
}

const ask = (judged: ReturnType<typeof CASES.tdx>) =>
  verdictEvidence({ operators: [{ url: agents[0]!.url }, { url: agents[1]!.url }], artifact, judged })

const verify = ({ evidence }: VerdictEvidence) =>
  world.chain.readContract({
    ...{ address: verifier, abi: verifierEnclaveAbi, functionName: 'verify' },
    args: [evidence, '0x'],
  })

test('agents serve the policy as an artifact, and simulated enclaves do not count on chain', async () => {
  const { timestamp } = await world.chain.getBlock()
  const judged = CASES.tdx({ issued: timestamp })
  const found = await ask(judged)
  expect(judgeCase(encodeCase(judged), CASE_POLICIES.tdx)).toEqual({
    statement: fromHex(found.evidence).subarray(0, 224),
  })
  for (const { url } of agents)
    expect(await getArtifacts({ url })).toEqual([
      {
        ...{ artifact, size: POLICY.length },
        input: { media: 'application/cbor' },
        output: { media: 'application/octet-stream' },
      },
    ])
  const keys = found.bundles.map(({ identity }) => identity.receiptKey)
  expect(keys).toEqual(agents.map(({ receiptKey }) => receiptKey).sort())
  await expect(verify(found)).rejects.toThrow('NotNitro')
})

test('what they refuse is told with the verdict’s code', async () => {
  const { timestamp } = await world.chain.getBlock()
  const asked = ask(CASES.tdx({ issued: timestamp, debug: true }))
  await expect(asked).rejects.toMatchObject({ code: 'error-answer' })
  await expect(asked).rejects.toThrow('debug-refused: policy-debug: ')
})

test('an agent claims its enclave’s key before it serves, once, and that of the one that comes after it', async () => {
  const [{ url, operator, receiptKey }] = agents as [(typeof agents)[0]]
  const claims = async () => {
    const logs = await world.chain.getContractEvents({
      ...{ address: verifier, abi: verifierEnclaveAbi, eventName: 'KeyClaimed', args: { operator } },
      ...{ fromBlock: 0n, strict: true },
    })
    return logs.map(({ args }) => args.receiptKey.toLowerCase())
  }
  expect(await claims()).toEqual([receiptKey])
  type Health = { ok: boolean; enclavePid: number; receiptKey: string }
  const health = async () => (await (await fetch(`${url}/health`)).json()) as Health
  process.kill((await health()).enclavePid, 'SIGKILL')
  const other = await eventually(async () => {
    const now = await health()
    return now.ok && now.receiptKey !== receiptKey ? now.receiptKey : undefined
  })
  expect(await claims()).toEqual([receiptKey, other])
})
