import { readFileSync } from 'node:fs'
import {
  enclaveRegistryAbi,
  irisOracleAbi,
  operatorsAbi,
  relayAbi,
  releasesAbi,
  simulatedVerifierAbi,
  zkVerifiersAbi,
} from '@nacre/contracts'
import { type Anvil, startAnvil } from '@nacre/host'
import { createModule } from '@nacre/host/nsm/module'
import { createRoot, type SimulatedRoot } from '@nacre/host/nsm/root'
import { DEVELOPMENT_PARAMETERS, type Deployment, deploy, deployConsumer, type RelayParams } from '@nacre/sdk'
import { configOnChain } from '@nacre/sdk/attest/configOnChain'
import {
  addressOf,
  configHash,
  type EnclaveConfig,
  fromHex,
  type Hex,
  type Identity,
  keccak256,
  type Manifest,
  manifestHash,
  measurementDigest,
  type Receipt,
  releaseId,
  sha256,
  signReceipt,
  simulatedMeasurement,
  TEE_KIND,
  toHex,
  usageHash,
  userData,
  ZERO_ADDRESS,
} from '@nacre/verify'
import { decodeSign1 } from '@nacre/verify/attest/cose'
import { decodeDocument } from '@nacre/verify/attest/document'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import {
  createTestClient,
  createWalletClient,
  http,
  parseEventLogs,
  publicActions,
  type TransactionReceipt,
} from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { anvil as anvilChain } from 'viem/chains'
import { afterAll, beforeAll, expect, test } from 'vitest'

/**
 * What `fulfil` pays for gas, against what real transactions cost. The operator sends them itself; its enclave is a
 * key of this test, attested by the simulated security module.
 */
const ZERO_WORD: Hex = `0x${'00'.repeat(32)}`
const ARTIFACT: Hex = `0x${'22'.repeat(32)}`
const FEE = 10n ** 15n
const GAS_PRICE = 3n * 10n ** 9n
const MAX_OUTPUT = 16_384
const ONE_FLOAT: Hex = '0x01010201000000010000009a99993f'
const KEY = fromHex(keccak256(new TextEncoder().encode('receipt key')))
const MANIFEST: Manifest = {
  version: 1,
  name: 'metering',
  engine: 'none@1/cpu',
  files: [{ path: 'enclave.mjs', sha256: ARTIFACT, size: 1 }],
}

type Wallet = ReturnType<typeof walletOf>
type Asked = TransactionReceipt
type Proven = { artifact: Hex; key: Hex; inputHash: Hex; output: Hex; proof: Hex }

let chain: Anvil
let deployment: Deployment
let config: EnclaveConfig
let operator: Wallet
let asker: Wallet
let iris: Hex

beforeAll(async () => {
  chain = await startAnvil()
  ;[operator, asker] = [walletOf(0), walletOf(1)]
  const root = createRoot()
  deployment = await deploy({ client: operator as never, wallet: operator, root: root.certificate })
  const address = operator.account.address.toLowerCase() as Hex
  config = {
    version: 1,
    chainId: 31_337n,
    registry: deployment.enclaveRegistry,
    operator: address,
    releaseId: releaseId(address, manifestHash(MANIFEST)),
    maxInput: 65_536,
    maxOutput: 65_536,
  }
  await stake()
  await register(root)
  const params = { ...paramsUntil(600n) }
  iris = await deployConsumer({
    client: asker as never,
    wallet: asker,
    relay: deployment.relay,
    kind: 'IrisOracle',
    params,
  })
})
afterAll(() => chain?.stop())

test.each([
  ['nothing', '0x'],
  ['one float', ONE_FLOAT],
  ['4,096 bytes without a zero', bytes(4096, i => (i % 255) + 1)],
  ['16,384 bytes without a zero: the floor of calldata', bytes(16_384, i => (i % 255) + 1)],
  ['4,096 zeros', bytes(4096, () => 0)],
  ['4,095 bytes, every other zero', bytes(4095, i => (i % 2 === 0 ? 0 : 0x5a))],
  ['33 bytes, the last one zero', bytes(33, i => (i < 32 ? 0xff : 0))],
] satisfies [string, Hex][])(
  'an operator that answers an account gets back at most what it spent, and nearly all: %s',
  async (_, output) => {
    await takeCredits()
    expectCovered(await answer(await askAsAccount(), output))
    expectCovered(await answer(await askAsAccount(), output))
  },
)

test('an operator that answers a contract gets back at most what it spent, and nearly all', async () => {
  await takeCredits()
  expectCovered(await answer(await askThroughIris(), ONE_FLOAT))
  expectCovered(await answer(await askThroughIris(), ONE_FLOAT))
})

test('an operator that answers with a proof gets back at most what it spent, and nearly all', async () => {
  const vector = JSON.parse(
    readFileSync(new URL('../../vectors/zk/groth16/lenet5.json', import.meta.url), 'utf8'),
  ) as Proven
  const verifiers = { address: deployment.zkVerifiers, abi: zkVerifiersAbi } as const
  await mined(await operator.writeContract({ ...verifiers, functionName: 'register', args: [vector.key] }))
  await mined(
    await operator.writeContract({
      address: deployment.operators,
      abi: operatorsAbi,
      functionName: 'announce',
      args: [vector.artifact, ZERO_ADDRESS, FEE, 10],
    }),
  )
  await nextEpoch()
  await takeCredits()
  expectCovered(await prove(vector))
  expectCovered(await prove(vector))
})

function expectCovered({ spent, paid }: { spent: bigint; paid: bigint }): void {
  expect(paid).toBeLessThanOrEqual(spent)
  expect(paid * 10n).toBeGreaterThanOrEqual(spent * 9n)
}

async function askAsAccount(): Promise<Asked> {
  const { timestamp } = await asker.getBlock()
  const params = paramsUntil(timestamp + 600n)
  const relay = { address: deployment.relay, abi: relayAbi } as const
  const value = await asker.readContract({ ...relay, functionName: 'quote', args: [params] })
  return mined(
    await asker.writeContract({ ...relay, functionName: 'request', args: [params, '0x00'], value }),
  )
}

async function askThroughIris(): Promise<Asked> {
  const oracle = { address: iris, abi: irisOracleAbi } as const
  const value = await asker.readContract({ ...oracle, functionName: 'price', args: [GAS_PRICE] })
  const flower = [1n, 2n, 3n, 4n].map(cm => cm * 10n ** 18n) as [bigint, bigint, bigint, bigint]
  return mined(
    await asker.writeContract({ ...oracle, functionName: 'ask', args: [flower, GAS_PRICE], value }),
  )
}

async function answer(asked: Asked, output: Hex): Promise<{ spent: bigint; paid: bigint }> {
  const requested = parseEventLogs({ abi: relayAbi, eventName: 'Requested', logs: asked.logs })[0]
  if (!requested) throw new Error('nothing was asked')
  const { id, request } = requested.args
  const receipt = receiptOf({
    id,
    inputHash: request.inputHash,
    output,
    number: asked.blockNumber,
    hash: asked.blockHash,
  })
  const signature = signReceipt({ chainId: config.chainId, registry: config.registry }, receipt, KEY)
  const hash = await operator.writeContract({
    address: deployment.relay,
    abi: relayAbi,
    functionName: 'fulfil',
    args: [request, receipt, signature, output],
    gas: 3_000_000n,
    gasPrice: GAS_PRICE,
  })
  return costs(hash)
}

/** Asks by hash, accepts, and answers with the vector's proof. */
async function prove(vector: Proven): Promise<{ spent: bigint; paid: bigint }> {
  const { artifact, inputHash, output, proof } = vector
  const { timestamp } = await asker.getBlock()
  const policy = { assurance: 3, maxEvidenceAge: 0, releases: [], publishers: [] }
  const params = { ...paramsUntil(timestamp + 600n), ...policy, artifact }
  const relay = { address: deployment.relay, abi: relayAbi } as const
  const value = await asker.readContract({ ...relay, functionName: 'quote', args: [params] })
  const asked = await mined(
    await asker.writeContract({
      ...relay,
      functionName: 'requestByHash',
      args: [params, inputHash, '0x00'],
      value,
    }),
  )
  const { id, request } = parseEventLogs({
    abi: relayAbi,
    eventName: 'RequestedByHash',
    logs: asked.logs,
  })[0]!.args
  await mined(await operator.writeContract({ ...relay, functionName: 'accept', args: [request] }))
  const receipt: Receipt = {
    ...receiptOf({ id, inputHash, output, number: asked.blockNumber, hash: asked.blockHash }),
    artifact,
    releaseId: ZERO_WORD,
    configHash: ZERO_WORD,
    parametersHash: ZERO_WORD,
    sequence: 0n,
  }
  const args = [request, receipt, proof, output] as const
  // Estimated by the node: a chain's estimate must suffice for proofs too.
  return costs(await operator.writeContract({ ...relay, functionName: 'fulfil', args, gasPrice: GAS_PRICE }))
}

/** Wei that the answer's transaction cost, and wei that the relay paid for its gas. */
async function costs(hash: Hex): Promise<{ spent: bigint; paid: bigint }> {
  const done = await mined(hash)
  const fulfilled = parseEventLogs({ abi: relayAbi, eventName: 'Fulfilled', logs: done.logs })[0]
  if (!fulfilled) throw new Error('nothing was answered')
  expect(fulfilled.args.callbackOk).toBe(true)
  return { spent: done.gasUsed * done.effectiveGasPrice, paid: fulfilled.args.gasPaid }
}

/** So that the next answer writes credits where there are none. */
async function takeCredits(): Promise<void> {
  const relay = { address: deployment.relay, abi: relayAbi } as const
  const creditOf = (account: Hex) =>
    asker.readContract({ ...relay, functionName: 'balanceOf', args: [account, ZERO_ADDRESS] })
  for (const wallet of [operator, asker]) {
    const to = wallet.account.address
    if ((await creditOf(to)) === 0n) continue
    await mined(await wallet.writeContract({ ...relay, functionName: 'withdraw', args: [ZERO_ADDRESS, to] }))
  }
  if ((await creditOf(iris)) === 0n) return
  const take = { address: iris, abi: irisOracleAbi, functionName: 'withdraw' } as const
  await mined(await asker.writeContract({ ...take, args: [ZERO_ADDRESS, asker.account.address] }))
}

async function stake(): Promise<void> {
  const operators = { address: deployment.operators, abi: operatorsAbi } as const
  const value = DEVELOPMENT_PARAMETERS.slotStake
  await mined(await operator.writeContract({ ...operators, functionName: 'bond', value }))
  const declared = [
    releaseId(operator.account.address.toLowerCase() as Hex, manifestHash(MANIFEST)),
    1,
  ] as const
  await mined(await operator.writeContract({ ...operators, functionName: 'declare', args: declared }))
  const offer = [ARTIFACT, ZERO_ADDRESS, FEE, 10] as const
  await mined(await operator.writeContract({ ...operators, functionName: 'announce', args: offer }))
  const measurement = { kind: TEE_KIND.simulated, digest: measurementDigest(simulatedMeasurement(MANIFEST)) }
  const listed = [manifestHash(MANIFEST), [measurement]] as const
  await mined(
    await operator.writeContract({
      address: deployment.releases,
      abi: releasesAbi,
      functionName: 'list',
      args: listed,
    }),
  )
  await nextEpoch()
}

async function nextEpoch(): Promise<void> {
  const test = createTestClient({ mode: 'anvil', chain: anvilChain, transport: http(chain.rpcUrl) })
  // Ahead of our clock, never behind: evidence of now would be of the chain's future.
  await test.increaseTime({ seconds: 2 })
  await test.mine({ blocks: 1 })
}

async function register(root: SimulatedRoot): Promise<void> {
  const identity: Identity = {
    version: 1,
    receiptKey: addressOf(secp256k1.getPublicKey(KEY, false)),
    tlsKeyHash: ZERO_WORD,
    hpkeKey: ZERO_WORD,
    configHash: configHash(config),
  }
  const anchor = await operator.getBlock()
  const pcrs = simulatedMeasurement(MANIFEST).registers
  const module = createModule({ root, pcrs, moduleId: 'simulated-metering' })
  const evidence = module.attest(fromHex(userData(identity)), fromHex(anchor.hash))
  const { certificate } = decodeDocument(decodeSign1(evidence, 8_192).payload)
  const cache = { address: deployment.simulatedVerifier, abi: simulatedVerifierAbi } as const
  const leaf = [toHex(certificate), sha256(root.certificate), '0x'] as const
  await mined(await operator.writeContract({ ...cache, functionName: 'cacheCertificate', args: leaf }))
  const registry = { address: config.registry, abi: enclaveRegistryAbi } as const
  const args = [
    TEE_KIND.simulated,
    toHex(evidence),
    '0x',
    identity,
    configOnChain(config),
    anchor.number,
  ] as const
  await mined(await operator.writeContract({ ...registry, functionName: 'register', args }))
}

function receiptOf(facts: { id: Hex; inputHash: Hex; output: Hex; number: bigint; hash: Hex }): Receipt {
  return {
    version: 1,
    requestId: facts.id,
    releaseId: config.releaseId,
    configHash: configHash(config),
    artifact: ARTIFACT,
    inputHash: facts.inputHash,
    outputHash: keccak256(fromHex(facts.output)),
    parametersHash: keccak256(fromHex('0x01')),
    usageHash: usageHash({ units: 1n, price: FEE, token: ZERO_ADDRESS, maxOutput: MAX_OUTPUT }),
    status: 0,
    sequence: 7n,
    anchorNumber: facts.number,
    anchorHash: facts.hash,
    parentsRoot: ZERO_WORD,
    extensionsRoot: ZERO_WORD,
  }
}

function paramsUntil(deadline: bigint): RelayParams {
  return {
    artifact: ARTIFACT,
    feeToken: ZERO_ADDRESS,
    fee: FEE,
    maxOutput: MAX_OUTPUT,
    callbackGas: 200_000,
    maxGasPrice: GAS_PRICE,
    deadline,
    assurance: 1,
    maxEvidenceAge: 86_400,
    releases: [config.releaseId],
    publishers: [],
  }
}

async function mined(hash: Hex): Promise<TransactionReceipt> {
  const receipt = await operator.waitForTransactionReceipt({ hash, pollingInterval: 10 })
  expect(receipt.status).toBe('success')
  return receipt
}

function walletOf(addressIndex: number) {
  const account = mnemonicToAccount('test test test test test test test test test test test junk', {
    addressIndex,
  })
  const transport = http(chain.rpcUrl)
  return createWalletClient({
    chain: anvilChain,
    transport,
    account,
    pollingInterval: 10,
    cacheTime: 0,
  }).extend(publicActions)
}

function bytes(size: number, value: (i: number) => number): Hex {
  return toHex(Uint8Array.from({ length: size }, (_, i) => value(i)))
}
