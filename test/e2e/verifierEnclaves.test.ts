import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  enclaveRegistryAbi,
  releasesAbi,
  timelockControllerAbi,
  verifierEnclaveAbi,
  verifierEnclaveBytecode,
} from '@nacre/contracts'
import { getArtifacts, type VerdictEvidence, verdictEvidence } from '@nacre/sdk'
import {
  concat,
  configHash,
  encodePolicyArtifact,
  evidenceMeasurement,
  fromHex,
  type Hex,
  manifestHash,
  measurementDigest,
  releaseId,
  sha256,
  simulatedMeasurement,
  userData,
  verifyTdx,
  ZERO_HASH,
} from '@nacre/verify'
import { type Abi, encodeAbiParameters, encodeFunctionData, keccak256 } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildImage } from '../../enclave/scripts/build.ts'
import { IMAGES } from '../../enclave/scripts/images.ts'
import { type AgentProcess, startAgentProcess } from '../../host/testing/agentProcess.ts'
import { createWorld, DEPLOYER, type World } from '../../host/testing/operatorWorld.ts'
import { CASE_POLICIES, CASES } from '../../vectors/statements/generate.ts'

/** A TD's key, registered on the word of two enclaves that two operators run: every part is the real one but Intel. */
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
  for (const name of ['one', 'two']) agents.push(await startVerifier(name, image.dir))
  const args = [world.deployment.enclaveRegistry, TDX, artifact, wallet().account.address] as const
  const hash = await wallet().deployContract({
    abi: verifierEnclaveAbi,
    bytecode: verifierEnclaveBytecode,
    args,
  })
  const { contractAddress } = await world.chain.waitForTransactionReceipt({ hash })
  verifier = contractAddress as Hex
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
    ...{ schema: name, stateDir: join(world.dir, name), rootDir: world.config.stateDir },
  })
  return { ...agent, operator: address.toLowerCase() as Hex }
}

/** A TD that wants its key registered, with a quote over it and the newest block. */
async function td() {
  const block = await world.chain.getBlock()
  const { deployment, operator } = world
  const identity = { receiptKey: privateKeyToAccount(generatePrivateKey()).address.toLowerCase() as Hex }
  const limits = { maxInput: 1_048_576, maxOutput: 65_536 }
  const own = {
    ...{ version: 1 as const, chainId: 31_337n, registry: deployment.enclaveRegistry, ...limits },
    ...{ operator: operator.address.toLowerCase() as Hex, releaseId: verifiersRelease },
  }
  const none = { tlsKeyHash: ZERO_HASH, hpkeKey: ZERO_HASH }
  const bound = userData({ version: 1, ...identity, ...none, configHash: configHash(own) })
  const reportData = concat(fromHex(bound), fromHex(block.hash))
  const judged = CASES.tdx({ reportData, issued: block.timestamp })
  return { judged, identity: { ...identity, ...none }, config: own, anchor: block.number }
}

const ask = (judged: ReturnType<typeof CASES.tdx>) =>
  verdictEvidence({ operators: [{ url: agents[0]!.url }, { url: agents[1]!.url }], artifact, judged })

const verify = ({ evidence }: VerdictEvidence) =>
  world.chain.readContract({
    ...{ address: verifier, abi: verifierEnclaveAbi, functionName: 'verify' },
    args: [evidence, '0x'],
  })

test('agents serve the policy as an artifact, and simulated enclaves do not count on chain', async () => {
  const found = await ask((await td()).judged)
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

test('attested through Nitro, the two of them register a TD’s key, once', async () => {
  await playNitro()
  const { judged, identity, config, anchor } = await td()
  const found = await ask(judged)
  const verdict = verifyTdx(judged.evidence, judged.collateral, judged.time, CASE_POLICIES.tdx)
  const measurement = evidenceMeasurement('tdx', verdict.measurements)
  expect(found.statement).toMatchObject({ measurement, kind: TDX, time: judged.time })
  expect(await verify(found)).toMatchObject({ measurement, timestamp: judged.time })

  await addVerifier()
  const { releases, enclaveRegistry } = world.deployment
  await send(releases, releasesAbi, 'measure', [verifiersRelease, [{ kind: TDX, digest: measurement }]])
  const args = [TDX, found.evidence, '0x', identity, config, anchor] as const
  await send(enclaveRegistry, enclaveRegistryAbi, 'register', args)
  const key = await world.chain.readContract({
    ...{ address: enclaveRegistry, abi: enclaveRegistryAbi, functionName: 'keyOf' },
    args: [identity.receiptKey, config.releaseId, configHash(config)],
  })
  expect(key).toMatchObject({ kind: TDX, assurance: 2, evidenceTime: Number(judged.time) })
  await expect(send(enclaveRegistry, enclaveRegistryAbi, 'register', args)).rejects.toThrow(
    'KeyAlreadyRegistered',
  )
  const stranger = { ...identity, receiptKey: world.operator.address }
  const other = [TDX, found.evidence, '0x', stranger, config, anchor]
  await expect(send(enclaveRegistry, enclaveRegistryAbi, 'register', other)).rejects.toThrow(
    'UserDataMismatch',
  )
})

/**
 * Makes of the agents' registrations, which are simulated, Nitro's: kind and assurance in their words of the registry's
 * mapping in slot 3. No development chain has a real Nitro document.
 */
async function playNitro(): Promise<void> {
  const { enclaveRegistry: address } = world.deployment
  for (const { receiptKey, operator } of agents) {
    const limits = { maxInput: 1_048_576, maxOutput: 65_536 }
    const own = { version: 1 as const, chainId: 31_337n, registry: address, operator, ...limits }
    const hash = configHash({ ...own, releaseId: verifiersRelease })
    const words = [{ type: 'address' }, { type: 'bytes32' }, { type: 'bytes32' }] as const
    const bound = keccak256(encodeAbiParameters(words, [receiptKey, verifiersRelease, hash]))
    const slot = keccak256(encodeAbiParameters([{ type: 'bytes32' }, { type: 'uint256' }], [bound, 3n]))
    const old = BigInt((await world.chain.getStorageAt({ address, slot })) as Hex)
    const value = (old & ~(0xffffn << 200n)) | (0x0202n << 200n)
    await world.chain.setStorageAt({
      address,
      index: slot,
      value: `0x${value.toString(16).padStart(64, '0')}`,
    })
  }
}

/** By the timelock, as every verifier after the first. */
async function addVerifier(): Promise<void> {
  const { timelock, enclaveRegistry } = world.deployment
  const call = { abi: enclaveRegistryAbi, functionName: 'addVerifier', args: [verifier] } as const
  const operation = [enclaveRegistry, 0n, encodeFunctionData(call), ZERO_HASH, ZERO_HASH] as const
  await send(timelock, timelockControllerAbi, 'schedule', [...operation, 0n])
  await send(timelock, timelockControllerAbi, 'execute', operation)
}
