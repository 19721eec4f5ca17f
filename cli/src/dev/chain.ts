import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { releasesAbi } from '@nacre/contracts'
import {
  checkDeployment,
  contractsCode,
  type Deployment,
  deploy,
  parseDeployment,
  serializeDeployment,
  type Wallet,
} from '@nacre/sdk'
import {
  type Hex,
  type Manifest,
  manifestHash,
  measurementDigest,
  measurementsOf,
  NacreError,
  releaseId,
  TEE_KIND,
  ZERO_ADDRESS,
} from '@nacre/verify'
import type { PublicClient } from 'viem'
import { send } from './send.ts'

/** The saved deployment when this chain has it, of this release's contracts; otherwise a new one, saved. */
export async function deployOnce(options: {
  client: PublicClient
  wallet: Wallet
  file: string
  root: Uint8Array
}): Promise<{ deployment: Deployment; isNew: boolean }> {
  const { client, wallet, file, root } = options
  const saved = existsSync(file) ? parseDeployment(readFileSync(file, 'utf8')) : undefined
  if (saved?.code === contractsCode() && (await isOnChain(client, saved)))
    return { deployment: saved, isNew: false }
  const deployment = await deploy({ client, wallet, root })
  saveDeployment(file, deployment)
  return { deployment, isNew: true }
}

/** Written beside and renamed: a crash leaves the old file or the new one. */
export function saveDeployment(file: string, deployment: Deployment): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(`${file}.new`, serializeDeployment(deployment))
  renameSync(`${file}.new`, file)
}

/** False when the chain lost its state (a crash, or its file was deleted): then everything is deployed again. */
async function isOnChain(client: PublicClient, deployment: Deployment): Promise<boolean> {
  try {
    await checkDeployment(client, deployment)
    return true
  } catch (error) {
    const code = error instanceof NacreError ? error.code : ''
    if (code === 'wrong-chain' || code === 'deployment-missing') return false
    throw error
  }
}

/** Lists the image under the publisher, once. Returns the release's id. */
export async function listRelease(options: {
  client: PublicClient
  wallet: Wallet
  deployment: Deployment
  manifest: Manifest
}): Promise<Hex> {
  const { client, wallet, deployment, manifest } = options
  const hash = manifestHash(manifest)
  const publisher = wallet.account.address.toLowerCase() as Hex
  const id = releaseId(publisher, hash)
  const releases = { address: deployment.releases, abi: releasesAbi } as const
  const [listedBy] = await client.readContract({ ...releases, functionName: 'releaseOf', args: [id] })
  if (listedBy !== ZERO_ADDRESS) return id
  const simulated = measurementsOf(manifest).filter(({ kind }) => kind === 'simulated')
  const measurements = simulated.map(measurement => ({
    kind: TEE_KIND.simulated,
    digest: measurementDigest(measurement),
  }))
  await send(client, wallet, { ...releases, functionName: 'list', args: [hash, measurements] })
  return id
}
