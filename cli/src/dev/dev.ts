/** `nacre dev`: the whole network on this machine, SIMULATED, and its main job. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { enclaveRegistryAbi } from '@nacre/contracts'
import type { Deployment } from '@nacre/sdk'
import type { Hex } from '@nacre/verify'
import type { PublicClient } from 'viem'
import { type Model, readCatalog } from '../catalog.ts'
import { CliError, EXIT } from '../errors.ts'
import { green, type Output, red } from '../output.ts'
import type { StatePaths } from '../paths.ts'
import { openState } from '../state.ts'
import { deployOnce, listRelease, saveDeployment, stakeOperator, waitUntilServing } from './chain.ts'
import { startSavedChain } from './chainProcess.ts'
import { chainClient, chainWallet } from './clients.ts'
import { ensureImage, type Image } from './image.ts'
import { type Answered, mainJob } from './job.ts'
import { createLifetime, type Lifetime } from './lifetime.ts'
import type { Network } from './network.ts'
import { AGENT, writeOperatorConfig } from './operator.ts'
import { endOrphans, forgetProcesses, recordProcess } from './processes.ts'
import { createProgress, type Progress, warnSimulated } from './progress.ts'
import { deployConsumers } from './questions.ts'
import { savePolicy } from './receipts.ts'
import { jsonOf, printAnswer, printNext, printResults } from './report.ts'
import { ACCOUNTS, DEFAULT_PORT } from './settings.ts'

export type DevOptions = { once?: boolean; reset?: boolean; port?: number; state: string }

type Host = Awaited<ReturnType<typeof loadHost>>
type Run = {
  options: DevOptions
  paths: StatePaths
  host: Host
  lifetime: Lifetime
  progress: Progress
  output: Output
}

export async function dev(options: DevOptions, output: Output): Promise<number> {
  const progress = createProgress(output)
  warnSimulated(output)
  const lifetime = createLifetime({
    onStopFailed: (name, error) => progress.step(red(`${name}: ${String(error)}`)),
  })
  const run: Run = {
    options,
    paths: openState(options.state),
    host: await loadHost(),
    lifetime,
    progress,
    output,
  }
  try {
    const network = await lifetime.during(start(run))
    const readyMs = progress.now()
    progress.step(green('ready'))
    const answers = await lifetime.during(doMainJob(run, network))
    printResults(output, network, answers)
    const ok = answers.every(answer => answer.checks.every(check => check.ok))
    if (!ok) output.line(red('A check failed: see above.'))
    printNext(output, network, answers, options.state)
    output.result(jsonOf(readyMs, answers))
    if (options.once) return ok ? EXIT.ok : EXIT.checkFailed
    output.line('The network stays up. Ctrl-C stops it; its state is kept.')
    await lifetime.during(lifetime.interrupted)
    return ok ? EXIT.ok : EXIT.checkFailed
  } finally {
    progress.step('stopping')
    await lifetime.close()
  }
}

/** Everything that is needed is started in parallel where nothing depends on it. */
async function start(run: Run): Promise<Network> {
  const { paths } = run
  await claimState(run)
  const ports = await choosePorts(run)
  const catalog = readCatalog(paths)
  const { loadRoot } = await import('@nacre/host/nsm/root')
  const root = (await loadRoot(paths.operator)).certificate
  writeFileSync(paths.developmentRoot, root)

  const [image, chain, databaseUrl] = await Promise.all([
    startImage(run),
    startChain(run, ports.chain),
    startDatabase(run),
  ])
  const client = chainClient(chain.rpcUrl)
  const { deployment, releaseId } = await deployNetwork(run, client, chain.rpcUrl, { root, image, catalog })
  savePolicy(paths.policy, releaseId, root)

  const artifacts = catalog.map(model => model.path)
  const setup = { paths, ...chain, databaseUrl, deployment, image, artifacts, port: ports.operator }
  // The stake's epoch passes while the enclave boots.
  const serving = waitUntilServing(client, deployment)
  serving.catch(() => {})
  const operatorUrl = await startOperator(run, writeOperatorConfig(setup))
  await checkAttested(run, client, deployment, releaseId)
  await serving
  const network = { paths, client, rpcUrl: chain.rpcUrl, operatorUrl, deployment, releaseId, catalog }
  await announceNetwork(run, network)
  return network
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

async function choosePorts({ options }: Run): Promise<{ operator: number; chain: number }> {
  const { choosePort } = await import('@nacre/host/processes/packages')
  const operator = options.port ?? DEFAULT_PORT
  for (const port of [operator, operator + 1]) await choosePort(port)
  return { operator, chain: operator + 1 }
}

async function startImage({ progress }: Run): Promise<Image> {
  const image = await ensureImage()
  progress.step(`enclave image measured: ${image.manifest.files.length} files, ${image.manifest.engine}`)
  return image
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

/** Deploys, lists the release, stakes the operator: each only when the saved chain does not have it already. */
async function deployNetwork(
  { paths, progress }: Run,
  client: PublicClient,
  rpcUrl: string,
  parts: { root: Uint8Array; image: Image; catalog: Model[] },
): Promise<{ deployment: Deployment; releaseId: Hex }> {
  const { root, image, catalog } = parts
  const wallet = chainWallet(rpcUrl, ACCOUNTS.publisher)
  const { deployment, isNew } = await deployOnce({ client, wallet, file: paths.deployment, root })
  const times = 'development parameters: epochs of 1 s, a timelock without delay'
  progress.step(isNew ? `contracts deployed (${times})` : 'contracts of the saved state')
  const releaseId = await listRelease({ client, wallet, deployment, manifest: image.manifest })
  progress.step(`release ${releaseId.slice(0, 12)}… listed with its SIMULATED measurement`)
  const artifacts = catalog.map(model => model.artifact)
  const operator = chainWallet(rpcUrl, ACCOUNTS.operator)
  const deploying = deployConsumers({ client, wallet, deployment, releaseId, catalog })
  await stakeOperator({ client, wallet: operator, deployment, releaseId, artifacts })
  progress.step(`operator staked, ${artifacts.length} models announced`)
  const consumers = await deploying
  const complete = { ...deployment, consumers: consumers.consumers }
  if (consumers.isNew) saveDeployment(paths.deployment, complete)
  return { deployment: complete, releaseId }
}

/** The agent is a process of its own; it is ready when its enclave's key is registered. */
async function startOperator({ host, paths, lifetime, progress }: Run, config: string): Promise<string> {
  mkdirSync(paths.logs, { recursive: true })
  const log = join(paths.logs, 'operator.log')
  writeFileSync(log, '')
  const ready = Promise.withResolvers<Ready>()
  const child = host.spawnChild({
    command: process.execPath,
    args: [AGENT, '--config', config],
    stopSignal: 'SIGTERM',
    onLine: line => {
      writeFileSync(log, `${line}\n`, { flag: 'a' })
      const said = readReady(line)
      if (said) ready.resolve(said)
    },
  })
  await lifetime.keep('operator', () => child.stop())
  recordProcess(paths.processes, 'operator', child.pid)
  await host.waitReady('the operator agent', child, ready.promise, 60_000)
  const { url, sandboxed } = await ready.promise
  lifetime.watch('the operator agent', child.exited)
  progress.step(`operator agent on ${url}, log in ${log}`)
  if (sandboxed) progress.step('the enclave runs in a bubblewrap sandbox without a network')
  else progress.step(red(NO_SANDBOX))
  return url
}

type Ready = { url: string; sandboxed: boolean }

const NO_SANDBOX =
  'WARNING: bubblewrap does not work here. The enclave is a plain process WITHOUT A SANDBOX: apt-get install bubblewrap'

function readReady(line: string): Ready | undefined {
  return line.startsWith('{"event":"ready"') ? (JSON.parse(line) as Ready) : undefined
}

/** The chain itself says that it verified the enclave's evidence. */
async function checkAttested(
  { progress }: Run,
  client: PublicClient,
  deployment: Deployment,
  releaseId: Hex,
): Promise<void> {
  const registry = { address: deployment.enclaveRegistry, abi: enclaveRegistryAbi, strict: true } as const
  const args = { operator: ACCOUNTS.operator.address, releaseId }
  const fromBlock = BigInt(deployment.block)
  const events = await client.getContractEvents({ ...registry, eventName: 'KeyRegistered', args, fromBlock })
  const key = events.at(-1)?.args.receiptKey
  if (!key)
    throw new CliError('child-failed', {
      what: 'the enclave’s key is not registered on chain',
      why: 'the operator agent said that it is ready, and the registry has no key of this release',
      fix: 'see logs/operator.log in the state folder',
    })
  progress.step(`the chain verified the SIMULATED attestation of ${key}`)
}

/** Tells `nacre request` where this network is, as long as it runs. */
async function announceNetwork({ lifetime }: Run, network: Network): Promise<void> {
  const { paths, rpcUrl, operatorUrl, releaseId } = network
  writeFileSync(
    paths.network,
    JSON.stringify({ version: 1, pid: process.pid, rpcUrl, operatorUrl, releaseId }),
  )
  await lifetime.keep('network file', () => rmSync(paths.network, { force: true }))
}

async function doMainJob({ output, progress }: Run, network: Network): Promise<Answered[]> {
  const { drawDigit } = await import('../../../models/samples.ts')
  const answers: Answered[] = []
  progress.step('contracts ask, the enclave answers, the chain checks and calls back')
  for await (const answer of mainJob(network)) {
    answers.push(answer)
    printAnswer(output, answer, answer.pixels && drawDigit(answer.pixels))
  }
  progress.step(`${answers.length} answers`)
  return answers
}

/** What starts and stops processes; the rest of the host is not loaded. Its type is inferred: naming it would import
 * the host. */
async function loadHost() {
  try {
    const [{ lockState }, { startPostgres }, { spawnChild, waitReady }] = await Promise.all([
      import('@nacre/host/processes/lock'),
      import('@nacre/host/processes/postgres'),
      import('@nacre/host/processes/supervise'),
    ])
    return { lockState, startPostgres, spawnChild, waitReady }
  } catch (error) {
    throw new CliError('missing-part', {
      what: 'the host part of nacre does not load',
      why: error instanceof Error ? error.message : String(error),
      fix: 'run npm ci in the repository, without --omit=optional',
    })
  }
}
