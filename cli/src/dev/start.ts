import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import type { Deployment } from '@nacre/sdk'
import { ASSURANCE, type Hex } from '@nacre/verify'
import type { PublicClient } from 'viem'
import { type Model, readCatalog } from '../catalog.ts'
import { deployOnce, listRelease, saveDeployment } from './chain.ts'
import { startSavedChain } from './chainProcess.ts'
import { chainClient, chainWallet } from './clients.ts'
import { ensureImage, type Image } from './image.ts'
import { type LanguagePorts, startLanguage } from './language.ts'
import { announceNetwork, type Network } from './network.ts'
import { type Operator, startOperators } from './operators.ts'
import { endOrphans, forgetProcesses, recordProcess } from './processes.ts'
import { startProofs } from './proofs.ts'
import { deployConsumers } from './questions.ts'
import { savePolicy } from './receipts.ts'
import type { Run } from './run.ts'
import { ACCOUNTS, DEFAULT_PORT } from './settings.ts'
import { stakeOperators, waitUntilServing } from './stake.ts'

export type Started = { network: Network; operators: Operator[] }

/** Everything that is needed is started in parallel where nothing depends on it. */
export async function start(run: Run): Promise<Started> {
  const { paths } = run
  await claimState(run)
  mkdirSync(paths.logs, { recursive: true })
  const ports = await choosePorts(run)
  const catalog = readCatalog(paths)
  const { loadRoot } = await import('@nacre/host/nsm/root')
  const root = (await loadRoot(paths.operator)).certificate
  writeFileSync(paths.developmentRoot, root)

  const [images, chain, databaseUrl] = await Promise.all([
    startImages(run),
    startChain(run, ports.chain),
    startDatabase(run),
  ])
  const client = chainClient(chain.rpcUrl)
  const { image, languageImage } = images
  const deployed = await deployNetwork(run, client, chain.rpcUrl, { root, ...images, catalog })
  const { deployment, releaseId, languageReleaseId } = deployed
  const proofs = await publishProofs(run, client, chain.rpcUrl, deployment)
  const own = [releaseId, languageReleaseId, ...(proofs ? [proofs.releaseId] : [])]
  savePolicy(paths.policy, own, root)

  const setup = {
    paths,
    ...chain,
    databaseUrl,
    deployment,
    image,
    catalog,
    tee: run.options.tee ?? 'simulated',
  }
  // The stakes' epoch passes while the enclaves boot.
  const serving = waitUntilServing(client, deployment)
  serving.catch(() => {})
  const language = startLanguage(run, {
    client,
    setup: { ...setup, image: languageImage },
    releaseId: languageReleaseId,
    ports: ports.language,
  })
  language.catch(() => {})
  const proving =
    proofs &&
    startProofs(run, { ...proofs, client, setup: { ...setup, image: proofs.image }, port: ports.proofs })
  proving?.catch(() => {})
  const operators = await startOperators(run, { client, setup, releaseId, ports: ports.operators })
  await serving
  const inference = await language
  const proofsUrl = await proving
  const urls = Object.fromEntries(operators.map(({ account, url }) => [account, url]))
  const { rpcUrl } = chain
  const network = {
    paths,
    client,
    rpcUrl,
    operators: urls,
    deployment,
    releaseId,
    catalog,
    inference,
    proofs: proofsUrl,
  }
  announceNetwork(network)
  await run.lifetime.keep('network file', () => rmSync(paths.network, { force: true }))
  return { network, operators }
}

/** Takes the state folder for this process, and clears what a killed run left running. */
async function claimState({ host, paths, options, lifetime, progress }: Run): Promise<void> {
  const lock = host.lockState(paths.root)
  await lifetime.keep('state folder', () => lock.release())
  const orphans = await endOrphans(paths.processes)
  if (orphans.length > 0) progress.step(`stopped what a killed run left: ${orphans.join(', ')}`)
  await lifetime.keep('process records', () => forgetProcesses(paths.processes))
  if (!options.reset) return
  // Only what nacre dev writes: --state may name a folder that holds other things.
  const { root, developmentRoot, ...made } = paths
  for (const path of [developmentRoot, ...Object.values(made)]) rmSync(path, { recursive: true, force: true })
  progress.step('state deleted')
}

type Ports = { operators: number[]; chain: number; language: LanguagePorts; proofs: number }

/** The first operator's, the chain's after it, then those of the other operators, of the gateway and what is behind it. */
async function choosePorts({ options }: Run): Promise<Ports> {
  const { choosePort } = await import('@nacre/host/processes/packages')
  const first = options.port ?? DEFAULT_PORT
  const others = Array.from({ length: options.operators - 1 }, (_, index) => first + 2 + index)
  const [operators, chain] = [[first, ...others], first + 1]
  const next = first + 1 + options.operators
  const language = { gateway: next, operator: next + 1, tls: next + 2 }
  const proofs = next + 3
  const own = options.zk ? [proofs] : []
  await Promise.all([...operators, chain, ...Object.values(language), ...own].map(choosePort))
  return { operators, chain, language, proofs }
}

/** The image that verifies proofs, listed; undefined where no verifying key was given. */
async function publishProofs(
  { options, progress }: Run,
  client: PublicClient,
  rpcUrl: string,
  deployment: Deployment,
): Promise<{ image: Image; releaseId: Hex; keys: string[] } | undefined> {
  if (!options.zk) return undefined
  const image = await ensureImage('zk')
  const wallet = chainWallet(rpcUrl, ACCOUNTS.publisher)
  const releaseId = await listRelease({ client, wallet, deployment, manifest: image.manifest })
  progress.step(`release ${releaseId.slice(0, 12)}… of ${image.manifest.engine} listed`)
  return { image, releaseId, keys: options.zk }
}

type Images = { image: Image; languageImage: Image }

async function startImages({ progress, options }: Run): Promise<Images> {
  const [image, languageImage] = await Promise.all([ensureImage(options.tee), ensureImage('language')])
  for (const { manifest } of [image, languageImage])
    progress.step(`enclave image measured: ${manifest.files.length} files, ${manifest.engine}`)
  return { image, languageImage }
}

async function startChain(run: Run, port: number): Promise<{ rpcUrl: string; wsUrl: string }> {
  const { paths, lifetime, progress } = run
  const chain = await startSavedChain(paths.chain, port)
  await lifetime.keep('chain', () => chain.stop())
  lifetime.watch('the chain', chain.exited)
  recordProcess(paths.processes, 'chain', chain.pid)
  progress.step(`development chain 31337 on ${chain.rpcUrl}`)
  return { rpcUrl: chain.rpcUrl, wsUrl: chain.wsUrl }
}

async function startDatabase({ host, paths, lifetime, progress }: Run): Promise<string> {
  if (process.env.DATABASE_URL) {
    progress.step('PostgreSQL of DATABASE_URL')
    return process.env.DATABASE_URL
  }
  const database = await host.startPostgres({ dir: paths.postgres })
  await lifetime.keep('PostgreSQL', () => database.stop())
  lifetime.watch('PostgreSQL', database.exited)
  recordProcess(paths.processes, 'PostgreSQL', database.pid)
  progress.step('embedded PostgreSQL')
  return database.databaseUrl
}

/** Deploys, lists the release, stakes the operators: each only when the saved chain does not have it already. */
async function deployNetwork(
  { paths, progress, options }: Run,
  client: PublicClient,
  rpcUrl: string,
  parts: Images & { root: Uint8Array; catalog: Model[] },
): Promise<{ deployment: Deployment; releaseId: Hex; languageReleaseId: Hex }> {
  const { root, image, languageImage, catalog } = parts
  const wallet = chainWallet(rpcUrl, ACCOUNTS.publisher)
  const { deployment, isNew } = await deployOnce({ client, wallet, file: paths.deployment, root })
  const times = 'development parameters: epochs of 1 s, a timelock without delay'
  progress.step(isNew ? `contracts deployed (${times})` : 'contracts of the saved state')
  const releaseId = await listRelease({ client, wallet, deployment, manifest: image.manifest })
  const language = { client, wallet, deployment, manifest: languageImage.manifest }
  const languageReleaseId = await listRelease(language)
  const ids = [releaseId, languageReleaseId].map(id => `${id.slice(0, 12)}…`)
  progress.step(`releases ${ids.join(' and ')} listed with their SIMULATED measurements`)
  const artifacts = catalog.map(model => model.artifact)
  const deploying = deployConsumers({ client, wallet, deployment, releaseId, catalog })
  const profile = { releaseId, assurance: ASSURANCE.simulated }
  const staking = { client, rpcUrl, deployment, profile, artifacts }
  await stakeOperators(staking, options.operators, isNew)
  progress.step(`${options.operators} operators staked, ${artifacts.length} models announced`)
  const consumers = await deploying
  const complete = { ...deployment, consumers: consumers.consumers }
  if (consumers.isNew) saveDeployment(paths.deployment, complete)
  return { deployment: complete, releaseId, languageReleaseId }
}
