import type { Hex } from '@nacre/verify'
import type { PublicClient } from 'viem'
import { sdkError } from './errors.ts'

const ADDRESSES = [
  'releases',
  'timelock',
  'simulatedVerifier',
  'enclaveRegistry',
  'operators',
  'zkVerifiers',
  'relay',
  'balances',
  'token',
] as const

/** Where the contracts of one network are; addresses are lower-case. */
export type Deployment = {
  version: 1
  chainId: number
  /** Hash of block 0: tells a chain from another one with the same id. */
  genesisHash: Hex
  /** Block of the first contract: nothing of the network is older. */
  block: number
  /** `contractsCode` of the release that deployed it; absent in deployments of 0.1.0. */
  code?: Hex
  /** Example consumers by name. */
  consumers: Record<string, Hex>
} & Record<(typeof ADDRESSES)[number], Hex>

/**
 * A deployment from its JSON.
 * @throws NacreError deployment-invalid
 */
export function parseDeployment(json: string): Deployment {
  const value = parseJson(json)
  const bad = (field: string): never => {
    throw sdkError('deployment-invalid', `The deployment’s ${field} is missing or wrong.`)
  }
  if (value.version !== 1) bad('version')
  for (const field of ['chainId', 'block']) if (!Number.isSafeInteger(value[field])) bad(field)
  if (!isHex(value.genesisHash, 32)) bad('genesisHash')
  for (const field of ADDRESSES) if (!isHex(value[field], 20)) bad(field)
  if (value.code !== undefined && !isHex(value.code, 32)) bad('code')
  const consumers = value.consumers
  if (typeof consumers !== 'object' || consumers === null) return bad('consumers')
  for (const [name, address] of Object.entries(consumers)) if (!isHex(address, 20)) bad(`consumers.${name}`)
  return value as Deployment
}

export function serializeDeployment(deployment: Deployment): string {
  return `${JSON.stringify(deployment, undefined, 2)}\n`
}

/**
 * Checks that a node is of the deployment's chain and has its contracts.
 * @throws NacreError wrong-chain, deployment-missing
 */
export async function checkDeployment(client: PublicClient, deployment: Deployment): Promise<void> {
  const [chainId, genesisHash] = await Promise.all([client.getChainId(), genesisHashOf(client)])
  if (chainId !== deployment.chainId || genesisHash !== deployment.genesisHash)
    throw sdkError(
      'wrong-chain',
      `The deployment is of chain ${deployment.chainId} with genesis ${deployment.genesisHash}; the node is of ` +
        `chain ${chainId} with genesis ${genesisHash}.`,
    )
  for (const name of ADDRESSES) {
    const code = await client.getCode({ address: deployment[name] })
    if (code === undefined)
      throw sdkError(
        'deployment-missing',
        `There is no contract at ${deployment[name]}, the deployment’s ${name}.`,
      )
  }
}

export async function genesisHashOf(client: PublicClient): Promise<Hex> {
  const block = await client.getBlock({ blockNumber: 0n })
  return block.hash
}

function parseJson(json: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(json)
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
  } catch {}
  throw sdkError('deployment-invalid', 'The deployment is not a JSON object.')
}

function isHex(value: unknown, bytes: number): boolean {
  return typeof value === 'string' && new RegExp(`^0x[0-9a-f]{${2 * bytes}}$`).test(value)
}
