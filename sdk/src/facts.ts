import { enclaveRegistryAbi, releasesAbi } from '@nacre/contracts'
import { type ChainFacts, type Hex, type ReceiptBundle, ZERO_HASH } from '@nacre/verify'
import type { PublicClient } from 'viem'
import { sdkError } from './errors.ts'

/**
 * What a chain says of a bundle's key, release and anchor: the `chain` of verifyReceipt's context. An unknown key has
 * operator zero and an unknown block has hash zero, so that the checks fail. A key's expiry is left out: a receipt
 * made before stays valid, and the policy bounds the evidence's age.
 * @throws NacreError wrong-chain when the node is of another chain than the receipt
 */
export async function readChainFacts(options: {
  client: PublicClient
  bundle: ReceiptBundle
  /** The Releases contract. Default: the one of the receipt's registry. */
  releases?: Hex
}): Promise<ChainFacts> {
  const { client, bundle } = options
  const { identity, receipt } = bundle
  const registry = { address: bundle.registry, abi: enclaveRegistryAbi } as const
  const chainId = BigInt(await client.getChainId())
  if (chainId !== bundle.chainId)
    throw sdkError('wrong-chain', `The receipt is of chain ${bundle.chainId}, the node of chain ${chainId}.`)
  if ((await client.getCode({ address: bundle.registry })) === undefined)
    throw sdkError('wrong-chain', `There is no contract at the receipt’s registry ${bundle.registry}.`)
  const releases = options.releases ?? (await client.readContract({ ...registry, functionName: 'RELEASES' }))
  const [key, [publisher, revoked], anchorHash] = await Promise.all([
    client.readContract({
      ...registry,
      functionName: 'keyOf',
      args: [identity.receiptKey, receipt.releaseId, receipt.configHash],
    }),
    client.readContract({
      address: releases,
      abi: releasesAbi,
      functionName: 'releaseOf',
      args: [bundle.receipt.releaseId],
    }),
    hashOfBlock(client, bundle.receipt.anchorNumber),
  ])
  return {
    keyOperator: key.operator.toLowerCase() as Hex,
    keyReleaseId: key.releaseId,
    keyConfigHash: key.configHash,
    keyRevoked: key.revoked,
    releasePublisher: publisher.toLowerCase() as Hex,
    releaseRevoked: revoked,
    anchorHash,
  }
}

async function hashOfBlock(client: PublicClient, blockNumber: bigint): Promise<Hex> {
  try {
    return (await client.getBlock({ blockNumber })).hash
  } catch (error) {
    if (error instanceof Error && error.name === 'BlockNotFoundError') return ZERO_HASH
    throw error
  }
}
