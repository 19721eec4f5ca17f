import { join } from 'node:path'
import { relayAbi } from '@nacre/contracts'
import {
  type EnclaveConfig,
  type Hex,
  type Manifest,
  manifestHash,
  releaseId,
  sha256,
  utf8,
} from '@nacre/verify'
import { canonicalJson } from '@nacre/verify/canonicalJson'
import type { PrivateKeyAccount, PublicClient } from 'viem'
import { checkChain } from '../chain/client.ts'
import type { Origin } from '../chain/cursor.ts'
import type { Nodes } from '../chain/nodes.ts'
import { callContract } from '../chain/reverts.ts'
import { describeError, FatalError } from '../common/errors.ts'
import type { Common } from '../common/index.ts'
import { retry } from '../common/wait.ts'
import { connect, type Database } from '../database/connect.ts'
import { type Image, loadImage } from '../drivers/image.ts'
import { DRIVERS } from '../drivers/index.ts'
import type { ModelFile } from '../enclaveClient.ts'
import { loadRoot, type SimulatedRoot } from '../nsm/root.ts'
import { lockState } from '../processes/lock.ts'
import { readAccount } from './account.ts'
import { checkClaims } from './claims.ts'
import type { AgentConfig, OperatorConfig } from './config.ts'
import type { Profile, Served } from './decide.ts'
import { type Artifact, readArtifacts, readModels } from './launch.ts'
import { checkRelease } from './register.ts'
import { verifiersOf } from './teeConfig.ts'
import { checkVerifiers, isVouched } from './vouched.ts'
import { readZkModels, type ZkModel } from './zk/models.ts'

const MAX_REFRESH_S = 43_200

/** What every agent works with: opened, and checked against the chain. */
export type Basics = {
  account: PrivateKeyAccount
  /** The account's address, lower-case. */
  operator: Hex
  database: Database
  origin: Origin
  /** Seconds in which the assigned operator alone may answer. */
  windowS: number
  /** Networks that are proven here. */
  networks: ZkModel[]
}

/** What an agent with an enclave works with beside, checked against each other. */
export type Prepared = Basics & {
  image: Image
  root: SimulatedRoot
  artifacts: Artifact[]
  /** Language models, in the place of artifacts. */
  models: ModelFile[]
  /** What every enclave is configured with. */
  enclaveConfig: EnclaveConfig
  refreshAfterS: number
}

/** Opens the state folder, the database and the chain. Throws HostError; what was opened closes with the shutdown. */
export async function openBasics(common: Common<AgentConfig>, { client }: Nodes): Promise<Basics> {
  const { config, shutdown } = common
  const { signal } = shutdown
  shutdown.onClose('state lock', lockState(config.stateDir).release)
  const account = await readAccount(config)
  const operator = account.address.toLowerCase() as Hex
  const { chainId, genesisHash, relay, block: fromBlock } = config.deployment
  const networks = await readZkModels(config.zk, chainId)
  const database = await retry(() => openDatabase(common), { signal, attempts: 5 })
  shutdown.onClose('database', database.close)
  const origin = { chainId, genesisHash, relay, fromBlock }
  await retry(() => checkChain(client, origin), { signal, attempts: 5 })
  const windowS = await retry(() => readWindow(client, relay), { signal, attempts: 5 })
  return { account, operator, database, origin, windowS, networks }
}

/** The same, and what the enclave is started with. */
export async function prepare(common: Common<OperatorConfig>, nodes: Nodes): Promise<Prepared> {
  const { config, shutdown } = common
  const { signal } = shutdown
  const { client } = nodes
  const basics = await openBasics(common, nodes)
  const [image, root, artifacts, models] = await Promise.all([
    loadImage(config.imageDir),
    loadRoot(config.rootDir ?? config.stateDir),
    readArtifacts(config.artifacts),
    readModels(config.inference?.models ?? []),
  ])
  checkImage(image.manifest, config.release.manifestHash)
  const { enclaveRegistry } = config.deployment
  const own = enclaveConfig(config, basics)
  await retry(() => checkRelease(client, enclaveRegistry, own.releaseId), { signal, attempts: 5 })
  const refreshAfterS = await retry(() => refreshAge(client, config), { signal, attempts: 5 })
  await retry(() => checkVouching(common, client, own), { signal, attempts: 5 })
  return { ...basics, image, root, artifacts, models, enclaveConfig: own, refreshAfterS }
}

/** Who is to vouch for this operator's enclaves, and for whom its own vouch. Throws CONFIG_INVALID, CHAIN_UNAVAILABLE. */
async function checkVouching(
  { config, logger }: Common<OperatorConfig>,
  client: PublicClient,
  { registry, operator }: EnclaveConfig,
): Promise<void> {
  const { kind } = DRIVERS[config.tee.driver]
  const verifiers = verifiersOf(config)
  if (verifiers && isVouched(kind)) await checkVerifiers(client, registry, kind, verifiers)
  const unaccepted = await checkClaims(client, { claims: config.claims, operator, registry })
  if (unaccepted.length > 0)
    logger.warn(
      { unaccepted },
      'the owners of these contracts do not name this operator: its keys do not count yet',
    )
}

/**
 * When evidence is renewed, seconds: at three quarters of the youngest age that a request may demand, so that every
 * request that is this operator's duty can be answered; after 12 hours at the latest. Throws CONFIG_INVALID.
 */
async function refreshAge(
  client: PublicClient,
  { deployment, refreshAfterS }: OperatorConfig,
): Promise<number> {
  const call = { address: deployment.relay, abi: relayAbi, functionName: 'MIN_EVIDENCE_AGE' } as const
  const latest = Math.floor((Number(await callContract(() => client.readContract(call))) * 3) / 4)
  if (refreshAfterS === undefined) return Math.min(latest, MAX_REFRESH_S)
  if (refreshAfterS <= latest) return refreshAfterS
  throw new FatalError(
    'CONFIG_INVALID',
    `refreshAfterS is ${refreshAfterS}: a request may demand younger evidence than that, and this operator would be slashed for it.`,
    {
      fix: `Leave refreshAfterS out, or set it to at most ${latest}, three quarters of the relay's MIN_EVIDENCE_AGE.`,
    },
  )
}

async function readWindow(client: PublicClient, relay: Hex): Promise<number> {
  const call = { address: relay, abi: relayAbi, functionName: 'WINDOW' } as const
  return Number(await callContract(() => client.readContract(call)))
}

/** Who this is and what it serves; `served` of an agent with an enclave. */
export function profileOf(
  { deployment, fallbackStepS }: AgentConfig,
  { operator, networks, windowS }: Basics,
  served?: Served,
): Profile {
  const proves = new Set(networks.map(({ artifact }) => artifact))
  return { operator, served, proves, relay: deployment.relay, fallbackStepS, windowS }
}

function openDatabase({ config, logger }: Common<AgentConfig>): Promise<Database> {
  return connect({
    databaseUrl: config.databaseUrl,
    schema: config.schema,
    migrations: join(import.meta.dirname, 'migrations'),
    onError: error => logger.warn(describeError(error), 'database connection lost'),
  })
}

function enclaveConfig(
  { deployment, release, maxInput, maxOutput, inference }: OperatorConfig,
  { operator }: Basics,
): EnclaveConfig {
  const { upstream } = inference ?? {}
  return {
    ...(upstream ? { version: 2, engineHash: sha256(utf8(canonicalJson(upstream))) } : { version: 1 }),
    chainId: BigInt(deployment.chainId),
    registry: deployment.enclaveRegistry,
    operator,
    releaseId: releaseId(release.publisher, release.manifestHash),
    maxInput,
    maxOutput,
  }
}

function checkImage(manifest: Manifest, expected: Hex): void {
  const actual = manifestHash(manifest)
  if (actual === expected) return
  throw new FatalError(
    'CONFIG_INVALID',
    `The image has manifest hash ${actual}, the configured release ${expected}.`,
    { fix: 'List this image as a release, or point imageDir at the image of the release.' },
  )
}
