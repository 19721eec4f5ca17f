import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { operatorsAbi, releasesAbi } from '@nacre/contracts'
import {
  checkDeployment,
  DEVELOPMENT_PARAMETERS,
  type Deployment,
  deploy,
  parseDeployment,
  serializeDeployment,
  type Wallet,
} from '@nacre/sdk'
import {
  ASSURANCE,
  type Hex,
  type Manifest,
  manifestHash,
  measurementDigest,
  NacreError,
  releaseId,
  simulatedMeasurement,
  TEE_KIND,
  ZERO_ADDRESS,
} from '@nacre/verify'
import type { PublicClient } from 'viem'
import { ACCOUNTS, MIN_DEADLINE, PRICE } from './settings.ts'

/** The saved deployment when this chain has it; otherwise a new one, saved. */
export async function deployOnce(options: {
  client: PublicClient
  wallet: Wallet
  file: string
  root: Uint8Array
}): Promise<{ deployment: Deployment; isNew: boolean }> {
  const { client, wallet, file, root } = options
  const saved = existsSync(file) ? parseDeployment(readFileSync(file, 'utf8')) : undefined
  if (saved && (await isOnChain(client, saved))) return { deployment: saved, isNew: false }
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
  const digest = measurementDigest(simulatedMeasurement(manifest))
  const measurements = [{ kind: TEE_KIND.simulated, digest }]
  await send(client, wallet, { ...releases, functionName: 'list', args: [hash, measurements] })
  return id
}

/** Stakes one slot, says what it runs and announces every artifact, each once. */
export async function stakeOperator(options: {
  client: PublicClient
  wallet: Wallet
  deployment: Deployment
  releaseId: Hex
  artifacts: readonly Hex[]
}): Promise<void> {
  const { client, wallet, deployment, releaseId, artifacts } = options
  const operator = ACCOUNTS.operator.address
  const operators = { address: deployment.operators, abi: operatorsAbi } as const
  if ((await client.readContract({ ...operators, functionName: 'slotsOf', args: [operator] })) === 0n)
    await send(client, wallet, {
      ...operators,
      functionName: 'bond',
      value: DEVELOPMENT_PARAMETERS.slotStake,
    })
  const next = (await epochNow(client, deployment)) + 1n
  const profile = await client.readContract({
    ...operators,
    functionName: 'profileAt',
    args: [operator, next],
  })
  if (profile.releaseId !== releaseId)
    await send(client, wallet, {
      ...operators,
      functionName: 'declare',
      args: [releaseId, ASSURANCE.simulated],
    })
  for (const artifact of artifacts) {
    const key = [artifact, ZERO_ADDRESS] as const
    const offer = await client.readContract({
      ...operators,
      functionName: 'offerOf',
      args: [operator, ...key],
    })
    if (offer.active) continue
    await send(client, wallet, {
      ...operators,
      functionName: 'announce',
      args: [...key, PRICE, MIN_DEADLINE],
    })
  }
}

/** Stake and offers serve from the epoch after they were made: waits for it, at most two seconds, and mines a block. */
export async function waitUntilServing(client: PublicClient, deployment: Deployment): Promise<void> {
  const bonded = await epochNow(client, deployment)
  do {
    await new Promise(resolve => setTimeout(resolve, 1000 - (Date.now() % 1000)))
    await client.request({ method: 'evm_mine' as never })
  } while ((await epochNow(client, deployment)) <= bonded)
}

async function epochNow(client: PublicClient, deployment: Deployment): Promise<bigint> {
  const { timestamp } = await client.getBlock()
  const operators = { address: deployment.operators, abi: operatorsAbi } as const
  return client.readContract({ ...operators, functionName: 'epochAt', args: [timestamp] })
}

async function send(client: PublicClient, wallet: Wallet, call: object): Promise<void> {
  const account = wallet.account
  const { request } = await client.simulateContract({ ...call, account } as never)
  const hash = await wallet.writeContract(request as never)
  await client.waitForTransactionReceipt({ hash })
}
