import {
  enclaveRegistryAbi,
  enclaveRegistryBytecode,
  releasesAbi,
  releasesBytecode,
  verifierEnclaveAbi,
  verifierEnclaveBytecode,
} from '@nacre/contracts'
import {
  addressOf,
  configHash,
  type EnclaveConfig,
  encodePolicyArtifact,
  fromHex,
  type Hex,
  judgeCase,
  keccak256,
  type Receipt,
  type ReceiptBundle,
  requestId,
  sha256,
  signReceipt,
  toHex,
  toJson,
  utf8,
  ZERO_HASH,
} from '@nacre/verify'
import {
  type Abi,
  createTestClient,
  createWalletClient,
  encodeAbiParameters,
  http,
  keccak256 as keccakHex,
  publicActions,
  walletActions,
} from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { anvil as anvilChain } from 'viem/chains'
import { beforeAll, describe, expect, inject, test } from 'vitest'
import { createBundle } from '../../../test/mock-authority/index.ts'
import { CASE_POLICIES, CASES } from '../../../vectors/statements/generate.ts'
import { secp256k1PublicKey } from '../../../verify/test/p256.ts'
import { type VerdictEvidence, verdictEvidence } from './verifierEnclaves.ts'

// An account of its own: other files use the same chain at the same time.
const account = mnemonicToAccount('test test test test test test test test test test test junk', {
  addressIndex: 8,
})
const chain = createTestClient({
  mode: 'anvil',
  chain: anvilChain,
  transport: http(inject('rpcUrl')),
  pollingInterval: 10,
  cacheTime: 0,
})
  .extend(publicActions)
  .extend(walletActions)
const wallet = createWalletClient({ account, chain: anvilChain, transport: http(inject('rpcUrl')) })

const POLICY = encodePolicyArtifact(CASE_POLICIES.tdx)
const ARTIFACT = sha256(POLICY)
const RELEASE: Hex = `0x${'11'.repeat(32)}`
const OPERATORS: [Hex, Hex] = [`0x${'a1'.repeat(20)}`, `0x${'a2'.repeat(20)}`]

let registry: Hex
let verifier: Hex
let time: bigint

beforeAll(async () => {
  const releases = await create(releasesAbi, releasesBytecode, [])
  registry = await create(enclaveRegistryAbi, enclaveRegistryBytecode, [
    releases,
    account.address,
    86_400,
    [],
  ])
  const args = [registry, 3, ARTIFACT, account.address]
  verifier = await create(verifierEnclaveAbi, verifierEnclaveBytecode, args)
  const owned = { address: verifier, abi: verifierEnclaveAbi } as const
  await wallet.writeContract({ ...owned, functionName: 'acceptRelease', args: [RELEASE] })
  for (const operator of OPERATORS)
    await mined(await wallet.writeContract({ ...owned, functionName: 'acceptOperator', args: [operator] }))
  time = (await chain.getBlock()).timestamp
})

async function create(abi: Abi, bytecode: Hex, args: unknown[]): Promise<Hex> {
  const { contractAddress } = await mined(await wallet.deployContract({ abi, bytecode, args }))
  return (contractAddress as Hex).toLowerCase() as Hex
}

const mined = (hash: Hex) => chain.waitForTransactionReceipt({ hash })

/** An enclave's key and configuration; `registered` writes it into the registry, as this test's own authority. */
type Enclave = { privateKey: Uint8Array; key: Hex; config: EnclaveConfig }

function enclaveOf(name: string, operator: Hex): Enclave {
  const privateKey = fromHex(sha256(utf8(name)))
  const key = addressOf(secp256k1PublicKey(privateKey))
  const limits = { maxInput: 1_048_576, maxOutput: 65_536 }
  const config = { version: 1, chainId: 31_337n, registry, operator, releaseId: RELEASE, ...limits } as const
  return { privateKey, key, config }
}

/** Layout of `EnclaveRegistry`: states are the mapping in slot 3, each one word. */
async function registered(enclave: Enclave, kind: number, assurance: number): Promise<Enclave> {
  const words = [{ type: 'address' }, { type: 'bytes32' }, { type: 'bytes32' }] as const
  const bound = keccakHex(encodeAbiParameters(words, [enclave.key, RELEASE, configHash(enclave.config)]))
  const slot = keccakHex(encodeAbiParameters([{ type: 'bytes32' }, { type: 'uint256' }], [bound, 3n]))
  const { operator } = enclave.config
  const packed = BigInt(operator) | (time << 160n) | (BigInt(kind) << 200n) | (BigInt(assurance) << 208n)
  await chain.setStorageAt({
    address: registry,
    index: slot,
    value: `0x${packed.toString(16).padStart(64, '0')}`,
  })
  const key = await chain.readContract({
    ...{ address: registry, abi: enclaveRegistryAbi, functionName: 'keyOf' },
    args: [enclave.key, RELEASE, configHash(enclave.config)],
  })
  expect(key).toMatchObject({ kind, assurance, revoked: false, evidenceTime: Number(time) })
  return enclave
}

/** As the operator itself does. */
async function claimed(enclave: Enclave): Promise<Enclave> {
  const { operator } = enclave.config
  await chain.impersonateAccount({ address: operator })
  await chain.setBalance({ address: operator, value: 10n ** 18n })
  const call = { address: verifier, abi: verifierEnclaveAbi, functionName: 'claimKey' } as const
  await mined(await chain.writeContract({ ...call, args: [enclave.key], account: operator }))
  return enclave
}

type Change = (bundle: ReceiptBundle) => ReceiptBundle

/** An operator whose enclave judges what it is asked, as the image does; `change` is what it then does wrong. */
function operatorOf({ privateKey, config }: Enclave, change: Change = same, receipt: Partial<Receipt> = {}) {
  const answer: typeof fetch = async (_url, init) => {
    const { nonce, artifact, input } = JSON.parse(String(init?.body)) as Record<string, Hex>
    const judgement = judgeCase(fromHex(input!), CASE_POLICIES.tdx)
    const output = 'statement' in judgement ? judgement.statement : utf8(`${judgement.code}: no`)
    const bundle = createBundle({ origin: { type: 'client', nonce: nonce! } })
    const own: Receipt = {
      ...bundle.receipt,
      requestId: requestId(31_337n, { type: 'client', nonce: nonce! }),
      releaseId: RELEASE,
      configHash: configHash(config),
      artifact: artifact!,
      inputHash: keccak256(fromHex(input!)),
      outputHash: keccak256(output),
      status: 'statement' in judgement ? 0 : 1,
      ...receipt,
    }
    const signature = signReceipt(config, own, privateKey)
    const parts = { config, receipt: own, signature, input: input!, output: toHex(output) }
    return Response.json(toJson(change({ ...bundle, ...parts, registry })))
  }
  return { url: `http://${config.operator.slice(2, 6)}.test`, fetch: answer }
}

const same: Change = bundle => bundle

const judged = (options = {}) => CASES.tdx({ issued: time, ...options })
const verify = ({ evidence }: VerdictEvidence) =>
  chain.readContract({
    ...{ address: verifier, abi: verifierEnclaveAbi, functionName: 'verify' },
    args: [evidence, '0x'],
  })

describe('two verifier enclaves', () => {
  test('what they state is what the contract verifies, whichever is asked first', async () => {
    const one = operatorOf(await claimed(await registered(enclaveOf('one', OPERATORS[0]), 2, 2)))
    const two = operatorOf(await claimed(await registered(enclaveOf('two', OPERATORS[1]), 2, 2)))
    for (const operators of [[one, two] as const, [two, one] as const]) {
      const found = await verdictEvidence({ operators, artifact: ARTIFACT, judged: judged() })
      expect(fromHex(found.evidence)).toHaveLength(1_314)
      const { measurement, userData, nonce } = found.statement
      expect(await verify(found)).toEqual({ measurement, userData, nonce, timestamp: time })
    }
  })

  test('enclaves that are configured for an operator and not claimed by it do not count on chain', async () => {
    const one = operatorOf(await registered(enclaveOf('not claimed', OPERATORS[0]), 2, 2))
    const two = operatorOf(await registered(enclaveOf('nor this', OPERATORS[1]), 2, 2))
    const found = await verdictEvidence({ operators: [one, two], artifact: ARTIFACT, judged: judged() })
    await expect(verify(found)).rejects.toThrow('KeyNotClaimed')
  })

  test('simulated enclaves do not count on chain, whatever they state', async () => {
    const one = operatorOf(await registered(enclaveOf('simulated', OPERATORS[0]), 1, 1))
    const two = operatorOf(await registered(enclaveOf('two', OPERATORS[1]), 2, 2))
    const found = await verdictEvidence({ operators: [one, two], artifact: ARTIFACT, judged: judged() })
    await expect(verify(found)).rejects.toThrow('NotNitro')
  })

  test('two of many that agree are enough, whatever the others do', async () => {
    const [one, two] = [enclaveOf('one', OPERATORS[0]), enclaveOf('two', OPERATORS[1])]
    const away = { url: 'http://127.0.0.1:1' }
    const lying = operatorOf(enclaveOf('lying', OPERATORS[0]), bundle => ({ ...bundle, output: '0x00' }))
    const same = operatorOf(one)
    const operators = [away, lying, same, same, operatorOf(two)]
    const { bundles } = await verdictEvidence({ operators, artifact: ARTIFACT, judged: judged() })
    expect(bundles.map(({ config }) => config.operator).sort()).toEqual(OPERATORS)
    const none = verdictEvidence({
      operators: [away, lying, same, same],
      artifact: ARTIFACT,
      judged: judged(),
    })
    await expect(none).rejects.toMatchObject({ code: 'unreachable' })
    const single = verdictEvidence({ operators: [same], artifact: ARTIFACT, judged: judged() })
    await expect(single).rejects.toThrow('of 1 operators there are no two')
  })

  test('one that never answers is not waited for', async () => {
    const [one, two] = [
      operatorOf(enclaveOf('one', OPERATORS[0])),
      operatorOf(enclaveOf('two', OPERATORS[1])),
    ]
    const silent = { url: 'http://silent.test', fetch: () => new Promise<never>(() => {}) }
    const found = verdictEvidence({ operators: [silent, one, two], artifact: ARTIFACT, judged: judged() })
    expect((await found).bundles).toHaveLength(2)
  })

  test('of pairs that agree it is the first that the contract takes, when it is asked', async () => {
    const unknown = operatorOf(enclaveOf('never registered', OPERATORS[0]))
    const one = operatorOf(await claimed(await registered(enclaveOf('one', OPERATORS[0]), 2, 2)))
    const two = operatorOf(await claimed(await registered(enclaveOf('two', OPERATORS[1]), 2, 2)))
    const asked = { artifact: ARTIFACT, judged: judged(), verifier: { client: chain, address: verifier } }
    const found = await verdictEvidence({ operators: [unknown, two, one], ...asked })
    expect(await verify(found)).toMatchObject({ timestamp: time })
    const refused = verdictEvidence({ operators: [unknown, two], ...asked })
    await expect(refused).rejects.toMatchObject({ code: 'relay-reverted' })
    await expect(refused).rejects.toThrow('UnknownKey')
  })

  test('evidence that they refuse is an error with the verdict’s code', async () => {
    const operators = [
      operatorOf(enclaveOf('one', OPERATORS[0])),
      operatorOf(enclaveOf('two', OPERATORS[1])),
    ] as const
    const asked = verdictEvidence({ operators, artifact: ARTIFACT, judged: judged({ debug: true }) })
    await expect(asked).rejects.toMatchObject({ code: 'error-answer' })
    await expect(asked).rejects.toThrow('debug-refused: ')
  })
})

describe('what can be seen to be wrong without the chain', () => {
  const one = () => enclaveOf('one', OPERATORS[0])
  const two = () => enclaveOf('two', OPERATORS[1])
  const statement = (bundle: ReceiptBundle, at: number): ReceiptBundle => {
    const bytes = Uint8Array.from(fromHex(bundle.output), (byte, i) => (i === at ? byte ^ 1 : byte))
    return { ...bundle, output: toHex(bytes) }
  }
  const receiptOf = (changes: Partial<Receipt>) => operatorOf(two(), same, changes)
  const wrong: [string, () => ReturnType<typeof operatorOf>, RegExp][] = [
    ['another question', () => receiptOf({ requestId: ZERO_HASH }), /another question/],
    ['another policy', () => receiptOf({ artifact: ZERO_HASH }), /another question/],
    ['another case', () => receiptOf({ inputHash: ZERO_HASH }), /another question/],
    ['an output that it did not sign', () => operatorOf(two(), b => statement(b, 100)), /another output/],
    [
      'no signature',
      () => operatorOf(two(), b => ({ ...b, signature: `0x${'00'.repeat(65)}` })),
      /not signed/,
    ],
    [
      'another operator’s configuration than the receipt’s',
      () =>
        operatorOf(enclaveOf('three', OPERATORS[0]), b => ({
          ...b,
          config: { ...b.config, operator: OPERATORS[1] },
        })),
      /another configuration/,
    ],
    ['the same enclave', () => operatorOf(one()), /one enclave/],
    ['the same operator', () => operatorOf(enclaveOf('three', OPERATORS[0])), /one operator/],
    [
      'another registry',
      () =>
        operatorOf({ ...two(), config: { ...two().config, registry: OPERATORS[0] } }, b => ({
          ...b,
          registry: OPERATORS[0],
        })),
      /different places/,
    ],
  ]
  test.each(wrong)('%s', async (_, other, text) => {
    const operators = [operatorOf(one()), other()] as const
    const asked = verdictEvidence({ operators, artifact: ARTIFACT, judged: judged() })
    await expect(asked).rejects.toMatchObject({ code: 'unverified-answer' })
    await expect(asked).rejects.toThrow(text)
  })

  test('two that lie alike about what was asked', async () => {
    const signedAs = (at: number) =>
      [one(), two()].map(enclave =>
        operatorOf(enclave, bundle => {
          const changed = statement(bundle, at)
          const receipt = { ...bundle.receipt, outputHash: keccak256(fromHex(changed.output)) }
          return { ...changed, receipt, signature: signReceipt(enclave.config, receipt, enclave.privateKey) }
        }),
      ) as [ReturnType<typeof operatorOf>, ReturnType<typeof operatorOf>]
    // Version, kind, evidence, time.
    for (const at of [31, 63, 64, 223]) {
      const asked = verdictEvidence({ operators: signedAs(at), artifact: ARTIFACT, judged: judged() })
      await expect(asked).rejects.toMatchObject({ code: 'unverified-answer' })
    }
  })
})
