import * as contracts from '@nacre/contracts'
import { type Deployment, deploy, type Wallet } from '@nacre/sdk'
import {
  configHash,
  type EnclaveConfig,
  fromHex,
  type Hex,
  type Identity,
  measurementDigest,
  releaseId,
  sha256,
  toHex,
  userData,
  utf8,
  ZERO_HASH,
} from '@nacre/verify'
import {
  type Abi,
  createTestClient,
  createWalletClient,
  http,
  type PublicClient,
  publicActions,
  type TestClient,
} from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { anvil as anvilChain } from 'viem/chains'
import { authority, createNitroAuthority, type NitroOptions } from './mock-authority/index.ts'

/** An enclave that says what it is, and evidence of it over a recent block. */
export type Attested = {
  identity: Identity
  config: EnclaveConfig
  evidence: Uint8Array
  anchorNumber: bigint
}

export type AttestOptions = {
  tee?: 'nitro' | 'simulated'
  /** Names the enclave: another has another key. */
  name: string
  /** As of when the certificates are, seconds; the same give the same. Default: the chain's time. */
  time?: bigint
  /** Default: the newest block's hash. */
  nonce?: Hex
  /** What to break in the document. */
  nitro?: Partial<NitroOptions>
}

/** A registry that takes simulated evidence and that of a Nitro of the tests' own, on a chain; and enclaves to register. */
export type Registrations = {
  chain: TestClient & PublicClient
  client: PublicClient
  wallet: Wallet
  /** The wallet's. */
  privateKey: Hex
  /** Of an account that has nothing to do with any of this. */
  stranger: Wallet
  deployment: Deployment
  /** A registry that has no verifier of Nitro. */
  simulatedOnly: Hex
  verifier: Hex
  manifest: Hex
  attest(options: AttestOptions): Promise<Attested>
  write(address: Hex, abi: Abi, functionName: string, args: readonly unknown[]): Promise<void>
}

const MNEMONIC = 'test test test test test test test test test test test junk'
const MANIFEST = sha256(utf8('the tests’ image'))
const PCR = (index: number): Uint8Array => new Uint8Array(48).fill(0xa0 + index)

/** `account`: number of the chain's account that deploys and sends, the stranger's is the next; no two test files on one chain take the same. */
export async function createRegistrations(rpcUrl: string, account: number): Promise<Registrations> {
  const transport = http(rpcUrl)
  const owner = mnemonicToAccount(MNEMONIC, { addressIndex: account })
  const settings = { chain: anvilChain, transport, pollingInterval: 10, cacheTime: 0 } as const
  const chain = createTestClient({ mode: 'anvil', ...settings }).extend(publicActions) as TestClient &
    PublicClient
  const client: PublicClient = chain
  const wallet: Wallet = createWalletClient({ chain: anvilChain, transport, account: owner })
  const other = mnemonicToAccount(MNEMONIC, { addressIndex: account + 1 })
  const stranger: Wallet = createWalletClient({ chain: anvilChain, transport, account: other })
  const nitro = createNitroAuthority(`registrations ${account}`)
  const operator = owner.address.toLowerCase() as Hex

  const create = async (abi: Abi, bytecode: Hex, args: readonly unknown[]): Promise<Hex> => {
    const hash = await wallet.deployContract({ abi, bytecode, args } as never)
    const { contractAddress } = await client.waitForTransactionReceipt({ hash })
    return contractAddress!.toLowerCase() as Hex
  }
  const write: Registrations['write'] = async (address, abi, functionName, args) => {
    const hash = await wallet.writeContract({ address, abi, functionName, args } as never)
    const { status } = await client.waitForTransactionReceipt({ hash })
    if (status !== 'success') throw new Error(`${functionName} reverted`)
  }

  const base = await deploy({ client, wallet, root: authority.root })
  const [p384, sha384] = [
    await create(contracts.p384Abi, contracts.p384Bytecode, []),
    await create(contracts.sha384Abi, contracts.sha384Bytecode, []),
  ]
  const verifier = await create(contracts.nitroVerifierAbi, contracts.nitroVerifierBytecode, [
    `0x${nitro.pin}`,
    operator,
    p384,
    sha384,
  ])
  const verifiers = [base.simulatedVerifier, verifier]
  const enclaveRegistry = await create(contracts.enclaveRegistryAbi, contracts.enclaveRegistryBytecode, [
    base.releases,
    operator,
    86_400,
    verifiers,
  ])
  const registers = [0, 1, 2].map(PCR)
  const measurements = [
    { kind: 1, digest: measurementDigest({ kind: 'simulated', registers: [PCR(0), PCR(0), PCR(0)] }) },
    { kind: 2, digest: measurementDigest({ kind: 'nitro', registers }) },
  ]
  await write(base.releases, contracts.releasesAbi as Abi, 'list', [MANIFEST, measurements])

  async function attest({
    tee = 'nitro',
    name,
    time,
    nonce,
    nitro: changes,
  }: AttestOptions): Promise<Attested> {
    const anchor = await client.getBlock()
    const config: EnclaveConfig = {
      version: 1,
      chainId: 31_337n,
      registry: enclaveRegistry,
      operator,
      releaseId: releaseId(operator, MANIFEST),
      maxInput: 1_048_576,
      maxOutput: 65_536,
    }
    const receiptKey = sha256(utf8(name)).slice(0, 42) as Hex
    const keys = { tlsKeyHash: ZERO_HASH, hpkeKey: ZERO_HASH }
    const identity: Identity = { version: 1, receiptKey, ...keys, configHash: configHash(config) }
    const bound = { userData: userData(identity), nonce: nonce ?? (anchor.hash as Hex) }
    const at = time ?? anchor.timestamp
    const evidence =
      tee === 'simulated'
        ? authority.issue({ measurement: PCR(0), timestamp: at, ...bound })
        : nitro.issue({
            time: at,
            userData: fromHex(bound.userData),
            nonce: fromHex(bound.nonce),
            ...changes,
          })
    return { identity, config, evidence, anchorNumber: anchor.number as bigint }
  }

  return {
    chain,
    client,
    wallet,
    privateKey: toHex(owner.getHdKey().privateKey!),
    stranger,
    deployment: { ...base, enclaveRegistry },
    simulatedOnly: base.enclaveRegistry,
    verifier,
    manifest: MANIFEST,
    attest,
    write,
  }
}

/** As an enclave's and an operator's HTTP interfaces tell it. */
export function attestationJson({ identity, config, evidence }: Attested): string {
  const kind = evidence[1] === 0x44 ? 'nitro' : 'simulated'
  const plain = { ...config, chainId: Number(config.chainId) }
  return JSON.stringify({ identity, config: plain, evidence: { kind, bytes: toHex(evidence) } })
}
