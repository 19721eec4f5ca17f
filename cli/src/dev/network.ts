import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { type Deployment, parseDeployment } from '@nacre/sdk'
import type { Hex } from '@nacre/verify'
import type { PublicClient } from 'viem'
import { type Model, readCatalog } from '../catalog.ts'
import { CliError } from '../errors.ts'
import { type StatePaths, statePaths } from '../paths.ts'
import { chainClient } from './clients.ts'

/** A running development network, as the main job and `nacre request` use it. */
export type Network = {
  paths: StatePaths
  client: PublicClient
  rpcUrl: string
  /** HTTP addresses by operator account, lower-case; operator 1 first. */
  operators: Record<Hex, string>
  deployment: Deployment
  releaseId: Hex
  catalog: Model[]
  /** The OpenAI API of this network's language models; undefined in networks of earlier versions. */
  inference?: Inference | undefined
  /** Address of the operator that verifies proofs, of networks with one. */
  proofs?: string | undefined
}

export type Inference = {
  /** Of the gateway, ending in /v1, and of TLS that ends in the enclave. */
  baseUrl: string
  tlsUrl: string
  /** Artifacts by what clients call them. */
  models: Record<string, Hex>
  releaseId: Hex
}

const VERSION = 2

/** Tells other commands where this network is; the file is there as long as the network runs. */
export function announceNetwork({ paths, rpcUrl, operators, releaseId, inference, proofs }: Network): void {
  const file = { version: VERSION, pid: process.pid, rpcUrl, operators, releaseId, inference, proofs }
  writeFileSync(paths.network, JSON.stringify(file))
}

/**
 * The network that runs on a state folder now.
 * @throws CliError not-running, and bad-file when another version of nacre runs it
 */
export function findNetwork(state: string): Network {
  const paths = statePaths(state)
  if (!existsSync(paths.network)) throw notRunning(paths.root)
  const { version, pid, rpcUrl, operators, releaseId, inference, proofs } = JSON.parse(
    readFileSync(paths.network, 'utf8'),
  )
  if (!Number.isInteger(pid) || !existsSync(`/proc/${pid}`)) throw notRunning(paths.root)
  if (version !== VERSION) throw otherVersion(paths.network, version)
  const deployment = parseDeployment(readFileSync(paths.deployment, 'utf8'))
  const client = chainClient(rpcUrl)
  const catalog = readCatalog(paths)
  return { paths, client, rpcUrl, operators, deployment, releaseId, catalog, inference, proofs }
}

/** Where the operator that answered is: it alone has the receipt. */
export function urlOf({ operators }: Network, operator: Hex): string {
  const url = operators[operator.toLowerCase() as Hex]
  if (url !== undefined) return url
  throw new CliError('not-running', {
    what: `operator ${operator} answered, and this network does not know where it is`,
    why: 'it was not started by nacre dev',
    fix: 'ask that operator for the receipt: GET /v1/requests/ID',
  })
}

/** As people see it: its number here, or the account. */
export function operatorName({ operators }: Network, operator: Hex): string {
  const index = Object.keys(operators).indexOf(operator.toLowerCase())
  return index === -1 ? operator : `operator ${index + 1}`
}

function notRunning(dir: string): CliError {
  return new CliError('not-running', {
    what: `no development network runs on ${dir}`,
    why: 'a request needs a chain and an operator',
    fix: 'start one: nacre dev   (or name its folder with --state)',
  })
}

function otherVersion(file: string, version: unknown): CliError {
  return new CliError('bad-file', {
    what: `${file} is of version ${version}, this nacre reads version ${VERSION}`,
    why: 'another version of nacre runs this network',
    fix: 'stop that network, and start it with this version: nacre dev',
  })
}
