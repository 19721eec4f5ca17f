import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Deployment } from '@nacre/sdk'
import { manifestHash, toHex } from '@nacre/verify'
import { zeroAddress } from 'viem'
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

export const AGENT: string = join(REPOSITORY, 'host', 'src', 'operator', 'main.ts')

/** Writes one operator agent's configuration and key into a folder of its own; returns the configuration's path. */
export function writeOperatorConfig(setup: OperatorSetup, number: number, port: number): string {
  const { paths, rpcUrl, wsUrl, databaseUrl, deployment, image, catalog, tee } = setup
  const stateDir = join(paths.operator, `${number}`)
  mkdirSync(stateDir, { recursive: true, mode: 0o700 })
  const privateKeyFile = join(stateDir, 'private-key')
  writeFileSync(privateKeyFile, privateKeyOf(number), { mode: 0o600 })
  const config = {
    rpcUrl,
    wsUrl,
    databaseUrl,
    schema: schemaOf(deployment, number),
    stateDir,
    rootDir: paths.operator,
    privateKeyFile,
    deployment: { ...deployment, consumers: undefined },
    imageDir: image.dir,
    tee: { driver: tee },
    artifacts: catalog.map(model => model.path),
    release: {
      publisher: ACCOUNTS.publisher.address.toLowerCase(),
      manifestHash: manifestHash(image.manifest),
    },
    http: { host: '127.0.0.1', port },
    pollMs: 250,
    inputs: { allowPrivate: true },
    payments: { least: { [zeroAddress]: LEAST_WORTH, [deployment.token]: 1 }, confirmations: 0 },
  }
  const file = join(stateDir, 'config.json')
  writeFileSync(file, JSON.stringify(config, undefined, 2), { mode: 0o600 })
  return file
}

/** A chain that lost its state is another chain: its operators start with empty schemas. The first one's name is that of
 * networks that had one operator. */
function schemaOf({ genesisHash, relay }: Deployment, number: number): string {
  const network = `operator_${genesisHash.slice(2, 10)}_${relay.slice(2, 10)}`
  return number === 1 ? network : `${network}_${number}`
}

function privateKeyOf(number: number): string {
  const key = operatorAccount(number).getHdKey().privateKey
  if (!key) throw new Error('the development account has no private key')
  return toHex(key)
}
