import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Deployment } from '@nacre/sdk'
import { manifestHash, toHex } from '@nacre/verify'
import { zeroAddress } from 'viem'
import type { HDAccount } from 'viem/accounts'
import type { Model } from '../catalog.ts'
import { REPOSITORY, type StatePaths } from '../paths.ts'
import type { DevTee, Image } from './image.ts'
import { ACCOUNTS, operatorAccount } from './settings.ts'

export type OperatorSetup = {
  paths: StatePaths
  rpcUrl: string
  wsUrl: string
  databaseUrl: string
  deployment: Deployment
  image: Image
  catalog: Model[]
  tee: DevTee
}

/** What a batch has to come to: the gas of settling it, on a chain whose base fee is low. Wei. */
const LEAST_WORTH = 10 ** 13

/** A development operator's configuration but for what it serves, and where. */
export type Basics = Pick<
  OperatorSetup,
  'paths' | 'rpcUrl' | 'wsUrl' | 'databaseUrl' | 'deployment' | 'image'
>

export const AGENT: string = join(REPOSITORY, 'host', 'src', 'operator', 'main.ts')

/** Writes one operator agent's configuration and key into a folder of its own; returns the configuration's path. */
export function writeOperatorConfig(setup: OperatorSetup, number: number, port: number): string {
  const { deployment, catalog, tee } = setup
  return writeConfig(setup, `${number}`, operatorAccount(number), {
    schema: schemaOf(deployment, number === 1 ? '' : `_${number}`),
    tee: { driver: tee },
    artifacts: catalog.map(model => model.path),
    http: { host: '127.0.0.1', port },
    inputs: { allowPrivate: true },
    payments: { least: { [zeroAddress]: LEAST_WORTH, [deployment.token]: 1 }, confirmations: 0 },
  })
}

/** The same of an agent with an enclave of this image. */
export function writeConfig(setup: Basics, folder: string, account: HDAccount, own: object): string {
  const { paths, image } = setup
  return writeAgentConfig(setup, folder, account, {
    rootDir: paths.operator,
    imageDir: image.dir,
    release: {
      publisher: ACCOUNTS.publisher.address.toLowerCase(),
      manifestHash: manifestHash(image.manifest),
    },
    ...own,
  })
}

/** Writes an agent's configuration and key into a folder of this name; returns the configuration's path. */
export function writeAgentConfig(
  setup: Omit<Basics, 'image'>,
  folder: string,
  account: HDAccount,
  own: object,
): string {
  const { paths, rpcUrl, wsUrl, databaseUrl, deployment } = setup
  const stateDir = join(paths.operator, folder)
  mkdirSync(stateDir, { recursive: true, mode: 0o700 })
  const privateKeyFile = join(stateDir, 'private-key')
  writeFileSync(privateKeyFile, privateKeyOf(account), { mode: 0o600 })
  const config = {
    rpcUrl,
    wsUrl,
    databaseUrl,
    stateDir,
    privateKeyFile,
    deployment: { ...deployment, consumers: undefined },
    pollMs: 250,
    ...own,
  }
  const file = join(stateDir, 'config.json')
  writeFileSync(file, JSON.stringify(config, undefined, 2), { mode: 0o600 })
  return file
}

/** A chain that lost its state is another chain: its operators start with empty schemas. The first one's name is that of
 * networks that had one operator. */
export function schemaOf({ genesisHash, relay }: Deployment, suffix: string): string {
  return `operator_${genesisHash.slice(2, 10)}_${relay.slice(2, 10)}${suffix}`
}

function privateKeyOf(account: HDAccount): string {
  const key = account.getHdKey().privateKey
  if (!key) throw new Error('the development account has no private key')
  return toHex(key)
}
