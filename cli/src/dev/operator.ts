import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Deployment } from '@nacre/sdk'
import { type Hex, manifestHash, toHex } from '@nacre/verify'
import { REPOSITORY, type StatePaths } from '../paths.ts'
import type { Image } from './image.ts'
import { ACCOUNTS } from './settings.ts'

export type OperatorSetup = {
  paths: StatePaths
  rpcUrl: string
  wsUrl: string
  databaseUrl: string
  deployment: Deployment
  image: Image
  artifacts: string[]
  port: number
}

/** Writes the operator agent's configuration and key; returns the configuration's path. */
export function writeOperatorConfig(setup: OperatorSetup): string {
  const { paths, deployment, image, port, ...urls } = setup
  mkdirSync(paths.operator, { recursive: true, mode: 0o700 })
  const privateKeyFile = join(paths.operator, 'private-key')
  writeFileSync(privateKeyFile, privateKeyOf(), { mode: 0o600 })
  const config = {
    rpcUrl: urls.rpcUrl,
    wsUrl: urls.wsUrl,
    databaseUrl: urls.databaseUrl,
    // A chain that lost its state is another chain: its operator starts with an empty schema.
    schema: `operator_${deployment.genesisHash.slice(2, 10)}_${deployment.relay.slice(2, 10)}`,
    stateDir: paths.operator,
    privateKeyFile,
    deployment: { ...deployment, consumers: undefined },
    imageDir: image.dir,
    artifacts: setup.artifacts,
    release: {
      publisher: ACCOUNTS.publisher.address.toLowerCase(),
      manifestHash: manifestHash(image.manifest),
    },
    http: { host: '127.0.0.1', port },
    pollMs: 100,
  }
  const file = join(paths.operator, 'config.json')
  writeFileSync(file, JSON.stringify(config, undefined, 2), { mode: 0o600 })
  return file
}

export const AGENT: string = join(REPOSITORY, 'host', 'src', 'operator', 'main.ts')

function privateKeyOf(): Hex {
  const key = ACCOUNTS.operator.getHdKey().privateKey
  if (!key) throw new Error('the development account has no private key')
  return toHex(key)
}
