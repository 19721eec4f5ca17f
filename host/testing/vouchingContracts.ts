import {
  enclaveRegistryAbi,
  enclaveRegistryBytecode,
  nitroVerifierAbi,
  nitroVerifierBytecode,
  p384Abi,
  p384Bytecode,
  releasesAbi,
  sha384Abi,
  sha384Bytecode,
  verifierEnclaveAbi,
  verifierEnclaveBytecode,
} from '@nacre/contracts'
import {
  type EvidencePolicy,
  encodePolicyArtifact,
  type Hex,
  type Manifest,
  manifestHash,
  measurementDigest,
  releaseId,
  sha256,
} from '@nacre/verify'
import {
  type Abi,
  createTestClient,
  http,
  type PublicClient,
  publicActions,
  type TestClient,
  type WalletClient,
  walletActions,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { anvil as anvilChain } from 'viem/chains'
import { DEPLOYER } from './operatorWorld.ts'

/** TEEs whose evidence enclaves vouch for in these tests, with their numbers in the registry. */
export const VOUCHED = { tdx: 3, snp: 4 } as const
export type VouchedTee = keyof typeof VOUCHED

/** A registry of a development chain, and the timelock that owns it. */
export type Registry = { releases: Hex; enclaveRegistry: Hex; timelock: Hex }

export type VouchingContracts = {
  client: TestClient & PublicClient
  /** `VerifierEnclave`s. */
  verifiers: Record<VouchedTee, Hex>
  /** Of the enclaves that vouch. */
  release: Hex
  /** A registry that has no verifier. */
  deployRegistry(): Promise<Hex>
  /** By the owner of all of these. */
  send(address: Hex, abi: Abi, functionName: string, args: readonly unknown[]): Promise<void>
}

export type VouchingOptions = {
  rpcUrl: string
  registry: Registry
  /** SHA-256 of Nitro's root, without a prefix. */
  root: string
  /** Of the image of the enclaves that vouch, and digests that its release lists beside AWS's. */
  manifest: Manifest
  measured: Record<VouchedTee, readonly Hex[]>
  policies: Record<VouchedTee, EvidencePolicy>
}

const NITRO = 2
/** What the mock of AWS says that its enclaves are. */
const PCRS = [0, 1, 2].map(i => new Uint8Array(48).fill(0xa0 + i))

/** Has a registry take documents of Nitro under a root and, of TDX and SEV-SNP, the word of enclaves of an image. */
export async function deployVouching(options: VouchingOptions): Promise<VouchingContracts> {
  const { registry, root, manifest, measured, policies } = options
  const { client, wallet } = clientOf(options.rpcUrl)
  const owner = wallet.account!.address
  const create = async (abi: unknown, bytecode: Hex, args: readonly unknown[] = []): Promise<Hex> => {
    const hash = await wallet.deployContract({ abi, bytecode, args } as never)
    const { contractAddress } = await client.waitForTransactionReceipt({ hash })
    return (contractAddress as Hex).toLowerCase() as Hex
  }
  const send = async (
    address: Hex,
    abi: Abi,
    functionName: string,
    args: readonly unknown[],
    account: Hex | undefined = undefined,
  ): Promise<void> => {
    const hash = await wallet.writeContract({
      address,
      abi,
      functionName,
      args,
      ...(account && { account }),
    } as never)
    const { status } = await client.waitForTransactionReceipt({ hash })
    if (status !== 'success') throw new Error(`${functionName} reverted`)
  }
  const addVerifier = async (verifier: Hex): Promise<void> => {
    const { timelock, enclaveRegistry } = registry
    await client.impersonateAccount({ address: timelock })
    await client.setBalance({ address: timelock, value: 10n ** 18n })
    await send(enclaveRegistry, enclaveRegistryAbi as Abi, 'addVerifier', [verifier], timelock)
  }
  const parts = [await create(p384Abi, p384Bytecode), await create(sha384Abi, sha384Bytecode)]
  await addVerifier(await create(nitroVerifierAbi, nitroVerifierBytecode, [`0x${root}`, owner, ...parts]))

  const nitro = { kind: NITRO, digest: measurementDigest({ kind: 'nitro', registers: PCRS }) }
  const others = TEES.flatMap(tee => measured[tee].map(digest => ({ kind: VOUCHED[tee], digest })))
  const hash = manifestHash(manifest)
  await send(registry.releases, releasesAbi as Abi, 'list', [hash, [nitro, ...others]])
  const release = releaseId(owner.toLowerCase() as Hex, hash)

  const addVouching = async (tee: VouchedTee): Promise<Hex> => {
    const policy = sha256(encodePolicyArtifact(policies[tee]))
    const args = [registry.enclaveRegistry, VOUCHED[tee], policy, owner]
    const verifier = await create(verifierEnclaveAbi, verifierEnclaveBytecode, args)
    await send(verifier, verifierEnclaveAbi as Abi, 'acceptRelease', [release])
    await addVerifier(verifier)
    return verifier
  }
  const verifiers = { tdx: await addVouching('tdx'), snp: await addVouching('snp') }
  const bare = [registry.releases, owner, 86_400, []]
  const deployRegistry = () => create(enclaveRegistryAbi, enclaveRegistryBytecode, bare)
  return { client, verifiers, release, deployRegistry, send }
}

const TEES = Object.keys(VOUCHED) as VouchedTee[]

function clientOf(rpcUrl: string): { client: TestClient & PublicClient; wallet: WalletClient } {
  const account = privateKeyToAccount(DEPLOYER)
  const settings = { chain: anvilChain, transport: http(rpcUrl), account, cacheTime: 0, pollingInterval: 10 }
  const client = createTestClient({ mode: 'anvil', ...settings })
    .extend(publicActions)
    .extend(walletActions)
  return { client: client as never, wallet: client as never }
}
