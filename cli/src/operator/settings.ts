import { existsSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { type Hex, releaseId } from '@nacre/verify'
import type { LocalAccount, PublicClient } from 'viem'
import { findNetwork } from '../dev/network.ts'
import { CliError } from '../errors.ts'
import { statePaths } from '../paths.ts'
import { type Contracts, checkChain, readerOf } from './chain.ts'
import { loadHost } from './host.ts'
import { askHidden } from './prompt.ts'
import { fileHash, type Named } from './values.ts'

/** Which network, and whose account: options of every operator command. */
export type OperatorOptions = {
  /** The agent's configuration; without it, a running development network. */
  config?: string
  state: string
  /** Number of the operator in a development network. */
  operator?: number
  keystore?: string
  passwordFile?: string
}

type KeyFiles = {
  keystoreFile?: string | undefined
  passwordFile?: string | undefined
  privateKeyFile?: string | undefined
}

export type Settings = {
  client: PublicClient
  contracts: Contracts
  /** Where the account's key is. */
  files: KeyFiles
  /** What the agent runs and serves, as far as the network or the configuration says. */
  release?: Hex
  models: () => Named[]
  /** It has no enclave, and so no release. */
  onlyProves?: boolean
  /** HTTP addresses of agents by operator account, lower-case. */
  urls: Record<Hex, string>
  ownUrl?: string
}

type Host = Awaited<ReturnType<typeof loadHost>>

/**
 * Finds chain, contracts and key.
 * @throws CliError not-running, NacreError wrong-chain, and the host's CONFIG_INVALID
 */
export async function loadSettings(options: OperatorOptions): Promise<Settings> {
  const host = await loadHost()
  const found =
    options.config === undefined ? ofDevelopment(options, host) : ofConfig(resolve(options.config), host)
  await checkChain(found.client, found.contracts)
  if (options.keystore === undefined) return found
  const passwordFile = options.passwordFile === undefined ? undefined : resolve(options.passwordFile)
  const { ownUrl: _, ...others } = found
  return { ...others, files: { keystoreFile: resolve(options.keystore), passwordFile } }
}

function ofConfig(file: string, { loadConfig, operatorConfig, hasEnclave }: Host): Settings {
  const config = loadConfig(operatorConfig, file)
  const { deployment, release, artifacts, zk, http, rpcUrl } = config
  const { keystoreFile, passwordFile, privateKeyFile } = config
  return {
    client: readerOf(deployment.chainId, rpcUrl),
    contracts: deployment,
    files: { keystoreFile, passwordFile, privateKeyFile },
    ...(release && { release: releaseId(release.publisher, release.manifestHash) }),
    models: () => [
      ...artifacts.map(path => ({ name: basename(path, '.onnx'), artifact: fileHash(path) })),
      ...zk.map(({ verifyingKey }) => ({
        name: basename(verifyingKey, '.nzkg'),
        artifact: fileHash(verifyingKey),
      })),
    ],
    onlyProves: !hasEnclave(config),
    urls: {},
    ...(http.port > 0 && {
      ownUrl: `http://${http.host.includes(':') ? `[${http.host}]` : http.host}:${http.port}`,
    }),
  }
}

function ofDevelopment({ state, operator = 1 }: OperatorOptions, host: Host): Settings {
  const { deployment, rpcUrl, releaseId: release, catalog, operators } = findNetwork(state)
  const config = join(statePaths(state).operator, `${operator}`, 'config.json')
  return {
    client: readerOf(deployment.chainId, rpcUrl),
    contracts: { ...deployment, block: BigInt(deployment.block) },
    files: existsSync(config) ? ofConfig(config, host).files : {},
    release,
    models: () => catalog,
    urls: operators,
  }
}

/** The account that signs; a keystore without a password file asks for its password. */
export async function unlock({ files }: Settings): Promise<LocalAccount> {
  const { openKeystore, readAccount } = await loadHost()
  const { keystoreFile, passwordFile } = files
  if (keystoreFile === undefined || passwordFile !== undefined) return readAccount(known(files))
  return openKeystore(keystoreFile, await askHidden(`Password of ${keystoreFile}: `))
}

/** Whose account it is, lower-case; needs no password when the keystore says so itself. */
export async function accountOf(settings: Settings): Promise<Hex> {
  const { claimedAddress, readKeystore } = await loadHost()
  const { keystoreFile } = known(settings.files)
  const claimed = keystoreFile === undefined ? undefined : claimedAddress(readKeystore(keystoreFile))
  return claimed ?? ((await unlock(settings)).address.toLowerCase() as Hex)
}

function known(files: KeyFiles): KeyFiles {
  if (files.keystoreFile !== undefined || files.privateKeyFile !== undefined) return files
  throw new CliError('bad-input', {
    what: 'no account is named',
    why: 'this development network has no operator of that number',
    fix: 'pass --operator N of one that runs, --keystore FILE of your own, or --config FILE',
  })
}
