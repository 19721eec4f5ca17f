import {
  enclaveRegistryAbi,
  enclaveRegistryBytecode,
  releasesAbi,
  releasesBytecode,
  verifierEnclaveAbi,
  verifierEnclaveBytecode,
} from '@nacre/contracts'
import {
  encodePolicyArtifact,
  type Hex,
  type Manifest,
  manifestHash,
  measurementDigest,
  releaseId,
  sha256,
} from '@nacre/verify'
import type { Abi } from 'viem'
import type { NitroChain } from '../../contracts/test/utils/nitro.ts'
import { CASE_POLICIES } from '../../vectors/statements/generate.ts'

/** TEEs whose evidence enclaves vouch for in these tests, with their numbers in the registry. */
const VOUCHED = { tdx: 3, snp: 4 } as const
export type VouchedTee = keyof typeof VOUCHED
const TEES = Object.keys(VOUCHED) as VouchedTee[]

const NITRO = 2
/** What the mock of AWS says that its enclaves are. */
const PCRS = [0, 1, 2].map(i => new Uint8Array(48).fill(0xa0 + i))

/** By what each TEE's evidence is judged: artifacts of the enclaves that judge. */
export const POLICIES: Readonly<Record<VouchedTee, Uint8Array>> = {
  tdx: encodePolicyArtifact(CASE_POLICIES.tdx),
  snp: encodePolicyArtifact(CASE_POLICIES.snp),
}

export type VouchingContracts = {
  registry: Hex
  /** `VerifierEnclave`s. */
  verifiers: Record<VouchedTee, Hex>
  release: Hex
  /** A registry that has no verifier of either. */
  withoutVerdicts(): Promise<Hex>
  /** By their owner. */
  send(address: Hex, abi: Abi, functionName: string, args: readonly unknown[]): Promise<void>
}

/**
 * A registry that takes documents of Nitro under this root and, of TDX and SEV-SNP, the word of enclaves of the image,
 * whose release lists these measurements too.
 */
export async function deployVouching(
  { client, deploy }: NitroChain,
  options: { root: string; manifest: Manifest; measured: Record<VouchedTee, readonly Hex[]> },
): Promise<VouchingContracts> {
  const { manifest, measured } = options
  const owner = client.account.address
  const create = async (abi: Abi, bytecode: Hex, args: readonly unknown[] = []): Promise<Hex> => {
    const hash = await client.deployContract({ abi, bytecode, args })
    const { contractAddress } = await client.waitForTransactionReceipt({ hash })
    return (contractAddress as Hex).toLowerCase() as Hex
  }
  const send: VouchingContracts['send'] = async (address, abi, functionName, args) => {
    const hash = await client.writeContract({ address, abi, functionName, args })
    const { status } = await client.waitForTransactionReceipt({ hash })
    if (status !== 'success') throw new Error(`${functionName} reverted`)
  }
  const releases = await create(releasesAbi as Abi, releasesBytecode)
  const nitro = { kind: NITRO, digest: measurementDigest({ kind: 'nitro', registers: PCRS }) }
  const others = TEES.flatMap(tee => measured[tee].map(digest => ({ kind: VOUCHED[tee], digest })))
  const hash = manifestHash(manifest)
  await send(releases, releasesAbi as Abi, 'list', [hash, [nitro, ...others]])
  const release = releaseId(owner.toLowerCase() as Hex, hash)
  const documents = await deploy(`0x${options.root}`)
  const withoutVerdicts = () =>
    create(enclaveRegistryAbi as Abi, enclaveRegistryBytecode, [releases, owner, 86_400, [documents]])
  const registry = await withoutVerdicts()
  const verifierOf = async (tee: VouchedTee): Promise<Hex> => {
    const args = [registry, VOUCHED[tee], sha256(POLICIES[tee]), owner]
    const verifier = await create(verifierEnclaveAbi as Abi, verifierEnclaveBytecode, args)
    await send(registry, enclaveRegistryAbi as Abi, 'addVerifier', [verifier])
    await send(verifier, verifierEnclaveAbi as Abi, 'acceptRelease', [release])
    return verifier
  }
  const verifiers = { tdx: await verifierOf('tdx'), snp: await verifierOf('snp') }
  return { registry, verifiers, release, withoutVerdicts, send }
}
