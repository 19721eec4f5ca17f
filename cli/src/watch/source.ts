import { readFileSync } from 'node:fs'
import { type Deployment, parseDeployment } from '@nacre/sdk'
import { type Hex, type Policy, parsePolicy } from '@nacre/verify'
import type { PublicClient } from 'viem'
import { findNetwork, operatorName } from '../dev/network.ts'
import { CliError } from '../errors.ts'
import { checkChain, readerOf } from '../operator/chain.ts'

/** An agent that can be asked. */
export type Known = { name: string; url: string; account?: Hex }

/** Where a request is looked for, and who is asked about it. */
export type Source = {
  client: PublicClient
  deployment: Deployment
  operators: Known[]
  /** Absent: receipts are not verified. */
  policy?: Policy
  nameOf: (operator: Hex) => string
  modelOf: (artifact: Hex) => string
}

export type SourceOptions = {
  state: string
  rpc?: string
  deployment?: string
  operatorUrl?: string[]
  policy?: string
}

/** A running development network, or any chain by --rpc and --deployment. */
export async function sourceOf(options: SourceOptions): Promise<Source> {
  const { rpc, deployment: file, operatorUrl = [], policy } = options
  if ((rpc === undefined) !== (file === undefined)) throw halfNamed()
  const found = rpc === undefined || file === undefined ? ofNetwork(options.state) : ofChain(rpc, file)
  const { deployment, client } = found
  await checkChain(client, { ...deployment, block: BigInt(deployment.block) })
  const named = operatorUrl.map(url => ({ name: url, url }))
  return {
    ...found,
    operators: [...found.operators, ...named],
    ...(policy !== undefined && { policy: readPolicy(policy) }),
  }
}

function ofNetwork(state: string): Source {
  const network = findNetwork(state)
  const operators = Object.entries(network.operators).map(([account, url]) => ({
    name: operatorName(network, account as Hex),
    url,
    account: account as Hex,
  }))
  return {
    client: readerOf(network.deployment.chainId, network.rpcUrl),
    deployment: network.deployment,
    operators,
    policy: readPolicy(network.paths.policy),
    nameOf: operator => operatorName(network, operator),
    modelOf: artifact => network.catalog.find(model => model.artifact === artifact)?.name ?? artifact,
  }
}

function ofChain(rpc: string, file: string): Source {
  const deployment = parseDeployment(readText(file, 'deployment'))
  const client = readerOf(deployment.chainId, rpc)
  return { client, deployment, operators: [], nameOf: operator => operator, modelOf: artifact => artifact }
}

function readPolicy(file: string): Policy {
  const text = readText(file, 'policy')
  try {
    return parsePolicy(JSON.parse(text))
  } catch (error) {
    throw badFile(`${file} is not a policy`, error)
  }
}

/** @throws CliError bad-file */
export function readText(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw badFile(`the ${what} ${file} cannot be read`, error)
  }
}

function badFile(what: string, error: unknown): CliError {
  const why = error instanceof Error ? error.message : String(error)
  return new CliError('bad-file', {
    what,
    why,
    fix: 'nacre dev writes one that shows the form, in its state folder',
  })
}

/** Of every command that takes both. */
export function halfNamed(): CliError {
  return new CliError('usage', {
    what: 'only one of --rpc and --deployment is given',
    why: 'a chain is its node and the addresses of the contracts on it',
    fix: 'pass both, or neither for a running development network',
  })
}
