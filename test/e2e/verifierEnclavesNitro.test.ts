import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  enclaveRegistryAbi,
  enclaveRegistryBytecode,
  releasesAbi,
  releasesBytecode,
  verifierEnclaveAbi,
  verifierEnclaveBytecode,
} from '@nacre/contracts'
import { verdictEvidence } from '@nacre/sdk'
import { configOnChain } from '@nacre/sdk/attest/configOnChain'
import {
  concat,
  configHash,
  encodePolicyArtifact,
  evidenceMeasurement,
  fromHex,
  type Hex,
  type Identity,
  type Manifest,
  manifestHash,
  measurementDigest,
  releaseId,
  sha256,
  toHex,
  toJson,
  userData,
  verifyTdx,
  ZERO_ADDRESS,
  ZERO_HASH,
} from '@nacre/verify'
import type { Abi } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { encodeHints, hintsOf, type NitroChain, startNitroChain } from '../../contracts/test/utils/nitro.ts'
import { buildImage } from '../../enclave/scripts/build.ts'
import { IMAGES } from '../../enclave/scripts/images.ts'
import { loadImage } from '../../host/src/drivers/image.ts'
import { simulatedDriver } from '../../host/src/drivers/simulated.ts'
import { createEnclaveClient, type EnclaveClient } from '../../host/src/enclaveClient.ts'
import { createRoot } from '../../host/src/nsm/root.ts'
import { assemble } from '../../host/src/operator/bundle.ts'
import { CASE_POLICIES, CASES } from '../../vectors/statements/generate.ts'
import { createNitroAuthority } from '../mock-authority/index.ts'

/**
 * From a Nitro document to a TD's key, every contract the real one: two enclaves are registered with documents that
 * NitroVerifier verifies in full, judge a TD's quote, and VerifierEnclave takes their word. AWS and Intel are mocks;
 * the enclaves are processes of the image.
 */
const TIME = 1_795_309_200n
const LIMITS = { maxInput: 1_048_576, maxOutput: 65_536 }
const TDX = 3
const NITRO = 2
const POLICY = encodePolicyArtifact(CASE_POLICIES.tdx)
const artifact = sha256(POLICY)
const aws = createNitroAuthority('nacre verifier enclaves')
const REGISTERS = [0, 1, 2].map(i => new Uint8Array(48).fill(0xa0 + i))

let chain: NitroChain
let dir: string
let manifest: Manifest
let release: Hex
let registry: Hex
let verifier: Hex
const closers: (() => unknown)[] = []

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nacre-'))
  chain = await startNitroChain(TIME)
  const image = await loadImage((await buildImage(join(dir, 'image'), IMAGES.attestation)).dir)
  manifest = image.manifest
  const [nitro, releases] = [
    await chain.deploy(`0x${aws.pin}`),
    await deployed(releasesAbi, releasesBytecode),
  ]
  const owner = chain.client.account.address
  release = releaseId(owner.toLowerCase() as Hex, manifestHash(manifest))
  const measured = [
    { kind: NITRO, digest: measurementDigest({ kind: 'nitro', registers: REGISTERS }) },
    { kind: TDX, digest: evidenceMeasurement('tdx', tdMeasurements()) },
  ]
  await send(releases, releasesAbi, 'list', [manifestHash(manifest), measured])
  registry = await deployed(enclaveRegistryAbi, enclaveRegistryBytecode, [releases, owner, 86_400, [nitro]])
  const args = [registry, TDX, artifact, owner]
  verifier = await deployed(verifierEnclaveAbi, verifierEnclaveBytecode, args)
  await send(registry, enclaveRegistryAbi, 'addVerifier', [verifier])
  await send(verifier, verifierEnclaveAbi, 'acceptRelease', [release])
})

afterAll(async () => {
  for (const close of closers) await close()
  await chain?.stop()
  await rm(dir, { recursive: true, force: true })
})

async function deployed(abi: Abi, bytecode: Hex, args: readonly unknown[] = []): Promise<Hex> {
  const { client } = chain
  const hash = await client.deployContract({ abi, bytecode, args })
  const { contractAddress } = await client.waitForTransactionReceipt({ hash })
  return (contractAddress as Hex).toLowerCase() as Hex
}

async function send(address: Hex, abi: Abi, functionName: string, args: readonly unknown[]): Promise<bigint> {
  const { client } = chain
  const hash = await client.writeContract({ address, abi, functionName, args, gas: 16_000_000n })
  const { status, gasUsed } = await client.waitForTransactionReceipt({ hash })
  if (status !== 'success') throw new Error(`${functionName} reverted`)
  return gasUsed
}

/** As the operator itself does. */
async function claim(operator: Hex, receiptKey: Hex): Promise<void> {
  const { client } = chain
  await client.impersonateAccount({ address: operator })
  await client.setBalance({ address: operator, value: 10n ** 18n })
  const call = { address: verifier, abi: verifierEnclaveAbi, functionName: 'claimKey' } as const
  const hash = await client.writeContract({ ...call, args: [receiptKey], account: operator })
  await client.waitForTransactionReceipt({ hash })
}

function tdMeasurements(): Record<string, string> {
  const { evidence, collateral, time } = CASES.tdx({ issued: TIME })
  return verifyTdx(evidence, collateral, time, CASE_POLICIES.tdx).measurements
}

const configOf = (operator: Hex) =>
  ({ version: 1, chainId: 31_337n, registry, operator, releaseId: release, ...LIMITS }) as const
const keysOf = ({ receiptKey, tlsKeyHash, hpkeKey }: Identity) => ({ receiptKey, tlsKeyHash, hpkeKey })

/** An enclave of the image, registered with a Nitro document over its identity; asked through its own channel. */
async function startVerifier(
  operator: Hex,
  known: boolean,
): Promise<{ url: string; fetch: typeof fetch; gas: bigint; receiptKey: Hex }> {
  const config = configOf(operator)
  const image = await loadImage(join(dir, 'image'))
  const running = await simulatedDriver.launch(image, { config, root: createRoot() })
  const client = createEnclaveClient({ connect: running.connect })
  closers.push(
    () => client.close(),
    () => running.terminate(),
  )
  await client.loadArtifact(artifact, POLICY)
  const { identity } = await client.identity()
  const { number, hash } = await chain.client.getBlock()
  const document = aws.issue({
    ...{ time: TIME, userData: fromHex(userData(identity)), nonce: fromHex(hash) },
    indefinite: true,
  })
  // Certificates that the verifier keeps need no hints; the document's is the last.
  const hints = hintsOf(document)!.map((hint, i, all) =>
    known && i < all.length - 1 ? new Uint8Array(0) : hint,
  )
  const args = [
    NITRO,
    toHex(document),
    toHex(encodeHints(hints)),
    keysOf(identity),
    configOnChain(config),
    number,
  ]
  const gas = await send(registry, enclaveRegistryAbi, 'register', args)
  const { receiptKey } = identity
  return { url: `http://${operator.slice(2, 6)}.test`, fetch: answering(client, config), gas, receiptKey }
}

/** What an agent does with a question, without its chain and database. */
function answering(client: EnclaveClient, config: ReturnType<typeof configOf>): typeof fetch {
  return async (_url, init) => {
    const { nonce, input, ...asked } = JSON.parse(String(init?.body)) as Record<
      'nonce' | 'artifact' | 'input',
      Hex
    >
    const usage = { units: 1n, price: 0n, errorPrice: 0n, token: ZERO_ADDRESS }
    const anchor = { number: 0n, hash: ZERO_HASH }
    const origin = { type: 'client', nonce } as const
    const job = { origin, ...asked, anchor, maxOutput: LIMITS.maxOutput, usage, nonce }
    const answered = await client.infer({ ...job, input: fromHex(input) })
    const { identity } = await client.identity()
    const evidence = await client.attest(nonce)
    const attested = {
      identity,
      config,
      evidence,
      evidenceNonce: nonce,
      release: { publisher: config.operator, manifest },
    }
    return Response.json(toJson(assemble(attested, { ...job, input }, answered)))
  }
}

test('two enclaves that NitroVerifier registered have a TD’s key registered', async () => {
  const operators: Hex[] = [`0x${'a1'.repeat(20)}`, `0x${'a2'.repeat(20)}`]
  const [one, two] = [await startVerifier(operators[0]!, false), await startVerifier(operators[1]!, true)]
  expect(two.gas).toBeLessThan(one.gas / 2n)

  const { number, hash, timestamp } = await chain.client.getBlock()
  const config = configOf(`0x${'a3'.repeat(20)}`)
  const receiptKey = privateKeyToAccount(generatePrivateKey()).address.toLowerCase() as Hex
  const identity = { version: 1, receiptKey, tlsKeyHash: ZERO_HASH, hpkeKey: ZERO_HASH } as const
  const bound = userData({ ...identity, configHash: configHash(config) })
  const judged = CASES.tdx({ reportData: concat(fromHex(bound), fromHex(hash)), issued: timestamp })
  const { evidence } = await verdictEvidence({ operators: [one, two], artifact, judged })

  const keys = { receiptKey, tlsKeyHash: ZERO_HASH, hpkeKey: ZERO_HASH }
  const call = [TDX, evidence, '0x', keys, configOnChain(config), number] as const
  const refused = () =>
    chain.client.simulateContract({
      // The verifier's errors pass through the registry.
      ...{ address: registry, abi: [...enclaveRegistryAbi, ...verifierEnclaveAbi] as Abi },
      ...{ functionName: 'register', args: call },
    })
  await expect(refused()).rejects.toThrow('OperatorNotAccepted')
  for (const operator of operators) await send(verifier, verifierEnclaveAbi, 'acceptOperator', [operator])
  // Whoever registered them is neither of the two, and could have written anybody's name.
  await expect(refused()).rejects.toThrow('KeyNotClaimed')
  for (const [i, operator] of operators.entries()) await claim(operator, [one, two][i]!.receiptKey)
  await send(registry, enclaveRegistryAbi, 'register', call)
  const key = await chain.client.readContract({
    ...{ address: registry, abi: enclaveRegistryAbi, functionName: 'usableKey' },
    args: [receiptKey, release, configHash(config)],
  })
  expect(key).toMatchObject({ kind: TDX, assurance: 2, evidenceTime: Number(timestamp) })
  await expect(refused()).rejects.toThrow('KeyAlreadyRegistered')
})
