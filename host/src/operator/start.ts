import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createAdaptorServer } from '@hono/node-server'
import { type EnclaveConfig, type Hex, type Manifest, manifestHash, releaseId } from '@nacre/verify'
import { isHex } from 'viem'
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import { checkChain, createClient } from '../chain/client.ts'
import { createWatcher, type Head } from '../chain/watcher.ts'
import { describeError, FatalError } from '../common/errors.ts'
import type { Common } from '../common/index.ts'
import { retry } from '../common/wait.ts'
import { connect } from '../database/connect.ts'
import { loadImage } from '../drivers/image.ts'
import { simulatedDriver } from '../drivers/simulated.ts'
import { loadRoot } from '../nsm/root.ts'
import { lockState } from '../processes/lock.ts'
import { portInUse } from '../processes/packages.ts'
import type { OperatorConfig } from './config.ts'
import { createEnclaves } from './enclaves.ts'
import { createHttp } from './http.ts'
import { launchEnclave, readArtifacts } from './launch.ts'
import { createMetrics } from './metrics.ts'
import { checkRelease, register } from './register.ts'
import { applyEvents, countStates, rewindRequests } from './requests.ts'
import type { TransactionRow } from './tables.ts'
import { createTransactions } from './transactions.ts'
import { rewindTransactions } from './nonces.ts'
import { createWorker } from './worker.ts'

/** A running operator agent. `failed` rejects when it cannot go on. */
export type Operator = { url: string; receiptKey: Hex; failed: Promise<never> }

/**
 * The operator agent, whole: it follows the chain, keeps an attested enclave serving, and answers requests.
 * Resolves when it serves; everything opened is closed by `common.shutdown`.
 */
export async function startOperator(common: Common<OperatorConfig>): Promise<Operator> {
  const { config, logger, shutdown, metrics: registry } = common
  const { deployment, release } = config
  const { signal } = shutdown
  const failure = Promise.withResolvers<never>()
  failure.promise.catch(() => {})

  const lock = lockState(config.stateDir)
  shutdown.onClose('state lock', lock.release)
  const account = readAccount(config.privateKeyFile)
  const [image, root, artifacts] = await Promise.all([
    loadImage(config.imageDir),
    loadRoot(config.stateDir),
    readArtifacts(config.artifacts),
  ])
  checkImage(image.manifest, release.manifestHash)

  const database = await retry(
    () =>
      connect({
        databaseUrl: config.databaseUrl,
        schema: config.schema,
        migrations: join(import.meta.dirname, 'migrations'),
        onError: error => logger.warn(describeError(error), 'database connection lost'),
      }),
    { signal, attempts: 5 },
  )
  shutdown.onClose('database', database.close)

  const client = createClient(config.rpcUrl)
  const origin = {
    chainId: deployment.chainId,
    genesisHash: deployment.genesisHash,
    relay: deployment.relay,
    fromBlock: deployment.block,
  }
  const own = enclaveConfig(config, account)
  await retry(() => checkChain(client, origin), { signal, attempts: 5 })
  await retry(() => checkRelease(client, deployment.enclaveRegistry, own.releaseId), { signal, attempts: 5 })

  let head: Head | undefined
  const wake = () => {
    if (head) worker.wake(head)
  }
  const transactions = createTransactions({
    client,
    account,
    chainId: deployment.chainId,
    database,
    replaceAfterMs: config.replaceAfterMs,
    onMined: row => countGas(row),
    onRefused: error =>
      logger.warn({ error: firstLine(error) }, 'the node refused a transaction, it is sent again'),
  })
  const enclaves = createEnclaves({
    common,
    launch: () =>
      launchEnclave({
        driver: simulatedDriver,
        image,
        root,
        config: own,
        artifacts,
        onLog: line => logger.debug({ line }, 'enclave'),
      }),
    register: enclave =>
      register({
        client,
        transactions,
        contracts: deployment,
        identity: enclave.identity,
        config: enclave.config,
        attest: enclave.attest,
      }),
    release: { publisher: release.publisher, manifest: image.manifest },
    refreshAfterS: config.refreshAfterS,
    onLaunch: () => metrics.enclaveStarts.inc(),
    onServing: () => {
      wake()
      ready.resolve()
    },
  })
  shutdown.onClose('enclaves', enclaves.close)
  const metrics = createMetrics({
    registry,
    states: () => countStates(database.queries),
    evidenceTime: () => enclaves.current()?.registration.time,
    headTime: () => (head ? Number(head.timestamp) : undefined),
  })
  const worker = createWorker({
    common,
    client,
    database,
    transactions,
    profile: {
      operator: own.operator,
      releaseId: own.releaseId,
      publisher: release.publisher,
      assurance: simulatedDriver.assurance,
      artifacts: new Set(artifacts.map(({ artifact }) => artifact)),
      relay: deployment.relay,
      operators: deployment.operators,
    },
    enclave: enclaves.current,
  })
  shutdown.onClose('worker', worker.close)
  const ready = Promise.withResolvers<void>()

  const watcher = createWatcher({
    client,
    ...(config.wsUrl === undefined ? {} : { wsUrl: config.wsUrl }),
    database,
    origin,
    addresses: [deployment.relay],
    pollMs: config.pollMs,
    signal,
    apply: async (queries, logs) => {
      for (const latency of await applyEvents(queries, logs, own.operator))
        metrics.fulfilSeconds.observe(latency)
    },
    rewind: async (queries, ancestor) => {
      logger.warn({ ancestor: Number(ancestor) }, 'the chain was reorganised')
      await rewindRequests(queries, ancestor)
      await rewindTransactions(queries, ancestor)
    },
    onSynced: newest => {
      head = newest
      wake()
      transactions
        .check()
        .then(wake, error => logger.warn(describeError(error), 'transactions could not be checked'))
    },
    onRetry: error => logger.warn(describeError(error), 'the chain could not be read, trying again'),
    onConnection: connected => metrics.chainConnected.set(connected ? 1 : 0),
  })
  const running = [watcher.run(), enclaves.run()]
  for (const task of running) task.catch(failure.reject)
  shutdown.onClose('watcher', () => Promise.allSettled(running))

  const http = createHttp({
    database,
    metrics: registry,
    enclave: enclaves.current,
    head: () => head,
    release: { publisher: release.publisher, manifest: image.manifest },
    maxInput: config.maxInput,
    onError: error => logger.error(describeError(error), 'a call failed'),
  })
  const url = await listen(http.fetch, config.http, shutdown.onClose)
  await Promise.race([ready.promise, failure.promise])
  return { url, receiptKey: enclaves.current()!.identity.receiptKey, failed: failure.promise }

  function countGas({ purpose, gasUsed, gasPrice }: TransactionRow): void {
    metrics.gasSpent.inc({ purpose: purpose.split(':')[0]! }, Number((gasUsed ?? 0n) * (gasPrice ?? 0n)))
  }
}

function enclaveConfig(
  { deployment, release, maxInput, maxOutput }: OperatorConfig,
  account: PrivateKeyAccount,
): EnclaveConfig {
  return {
    version: 1,
    chainId: BigInt(deployment.chainId),
    registry: deployment.enclaveRegistry,
    operator: account.address.toLowerCase() as Hex,
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
    {
      fix: 'List this image as a release, or point imageDir at the image of the release.',
    },
  )
}

function readAccount(file: string): PrivateKeyAccount {
  const text = readFileSync(file, 'utf8').trim()
  if (isHex(text) && text.length === 66) return privateKeyToAccount(text)
  throw new FatalError('CONFIG_INVALID', `${file} does not hold a private key.`, {
    fix: 'Write 0x and 32 bytes in hex into privateKeyFile, readable only by the operator (mode 0600).',
  })
}

/** viem's messages go on with the whole call. */
function firstLine(error: unknown): string {
  return String(error).split('\n')[0]!
}

type Fetch = (request: Request) => Response | Promise<Response>

async function listen(
  fetch: Fetch,
  { host, port }: OperatorConfig['http'],
  onClose: (name: string, close: () => unknown) => void,
): Promise<string> {
  const server = createAdaptorServer({ fetch })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', cause =>
    reject((cause as NodeJS.ErrnoException).code === 'EADDRINUSE' ? portInUse(port, cause) : cause),
  )
  server.listen(port, host, resolve)
  await promise
  onClose(
    'http',
    () =>
      new Promise(
        closed => server.close(closed) && 'closeAllConnections' in server && server.closeAllConnections(),
      ),
  )
  return `http://${host.includes(':') ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`
}
