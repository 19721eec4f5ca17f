import { resolve } from 'node:path'
import { enclaveRegistryAbi, releasesAbi } from '@nacre/contracts'
import { parseDeployment } from '@nacre/sdk'
import { type Hex, ZERO_ADDRESS } from '@nacre/verify'
import type { Abi } from 'viem'
import { CliError } from '../errors.ts'
import { formatAmount } from '../operator/amounts.ts'
import { checkChain, readerOf } from '../operator/chain.ts'
import type { Subject } from '../operator/facts.ts'
import type { Call } from '../operator/send.ts'
import { loadSettings, type OperatorOptions, type Settings } from '../operator/settings.ts'
import { halfNamed, readText } from '../watch/source.ts'
import type { Listing } from './measurements.ts'

/** As an operator's commands find chain and account; a publisher may have no agent, and names the chain itself. */
export type PublisherOptions = OperatorOptions & { rpc?: string; deployment?: string }

/** What the chain says of a release; the publisher is zero when nobody listed it. */
export type OnChain = { listed: boolean; publisher: Hex; revoked: boolean }

/** Chain, contracts and key. @throws CliError usage, bad-file, and as loadSettings */
export async function publisherSettings(options: PublisherOptions): Promise<Settings> {
  const { rpc, deployment: file, keystore, passwordFile } = options
  if (rpc === undefined && file === undefined) return loadSettings(options)
  if (rpc === undefined || file === undefined) throw halfNamed()
  if (keystore === undefined) throw noKeystore()
  const deployment = parseDeployment(readText(file, 'deployment'))
  const client = readerOf(deployment.chainId, rpc)
  const contracts = { ...deployment, block: BigInt(deployment.block) }
  await checkChain(client, contracts)
  const files = {
    keystoreFile: resolve(keystore),
    passwordFile: passwordFile === undefined ? undefined : resolve(passwordFile),
  }
  return { client, contracts, files, models: () => [], urls: {} }
}

/** The contract in which the registry looks. */
export async function releasesOf({ client, contracts }: Subject): Promise<Hex> {
  const registry = { address: contracts.enclaveRegistry, abi: enclaveRegistryAbi } as const
  return client.readContract({ ...registry, functionName: 'RELEASES' })
}

export async function readRelease({ client }: Subject, releases: Hex, id: Hex): Promise<OnChain> {
  const call = { address: releases, abi: releasesAbi, functionName: 'releaseOf', args: [id] } as const
  const [publisher, revoked] = await client.readContract(call)
  return { listed: publisher !== ZERO_ADDRESS, publisher: publisher.toLowerCase() as Hex, revoked }
}

/** Those that the release does not list yet. */
export async function missingOf(
  { client }: Subject,
  { releases, id, kinds }: { releases: Hex; id: Hex; kinds: Record<Listing['kind'], number> },
  listings: readonly Listing[],
): Promise<Listing[]> {
  const isMeasured = await Promise.all(
    listings.map(({ kind, digest }) =>
      client.readContract({
        ...{ address: releases, abi: releasesAbi, functionName: 'isMeasured' },
        args: [id, kinds[kind], digest],
      }),
    ),
  )
  return listings.filter((_, i) => !isMeasured[i])
}

export function callOf(releases: Hex, functionName: string, args: readonly unknown[]): Call {
  return { address: releases, abi: releasesAbi as Abi, functionName, args }
}

/** What a call costs now, in words; the contract must take it. */
export async function costOf({ client, account }: Subject, call: Call): Promise<string> {
  const [gas, price] = await Promise.all([
    client.estimateContractGas({ ...call, account } as never),
    client.getGasPrice(),
  ])
  return `about ${gas.toLocaleString('en-US')} gas, ${formatAmount(gas * price)} at the present price`
}

function noKeystore(): CliError {
  return new CliError('usage', {
    what: 'no account is named',
    why: 'the release’s id contains its publisher',
    fix: 'pass --keystore FILE; nacre operator key new FILE makes one',
  })
}
