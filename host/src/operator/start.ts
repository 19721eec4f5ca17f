import type { Hex } from '@nacre/verify'
import { createMinedBy } from '../chain/minedBy.ts'
import { createNextTime } from '../chain/nextTime.ts'
import type { Nodes } from '../chain/nodes.ts'
import type { Head } from '../chain/watcher.ts'
import { describeError, FatalError, RetryableError } from '../common/errors.ts'
import type { Common } from '../common/index.ts'
import { listen } from '../common/listen.ts'
import { createQueues } from '../common/queue.ts'
import { retry } from '../common/wait.ts'
import type { DriverError } from '../drivers/errors.ts'
import { DRIVERS, driverOf } from '../drivers/index.ts'
import { createPayments, type Payments } from '../payments/payments.ts'
import { createSettler, type Settler } from '../payments/settle.ts'
import { type AgentConfig, hasEnclave, type OperatorConfig } from './config.ts'
import { nodesOf, senderOf } from './connection.ts'
import { withdrawDead } from './deadKeys.ts'
import type { Profile, Served } from './decide.ts'
import { createEnclaves, type EnclavesOptions, type Serving } from './enclaves.ts'
import { createExpiry } from './expire.ts'
import { follow } from './follow.ts'
import { createHttp } from './http.ts'
import { createInference, limitsOf, MAX_CONNECTIONS } from './inference.ts'
import { createInputs } from './inputs.ts'
import { introduce } from './introduce.ts'
import { createKeyWatch } from './keyWatch.ts'
import { launchEnclave } from './launch.ts'
import { createMetrics, type Metrics } from './metrics.ts'
import { type Prepared, prepare, profileOf } from './prepare.ts'
import { countStates } from './requests.ts'
import { createSlots, type Slots } from './slots.ts'
import type { Transactions } from './transactions.ts'
import { createWorker } from './worker.ts'
import { createProver } from './zk/prover.ts'

/** A running operator agent. `failed` rejects when it cannot go on. */
export type Operator = {
  url: string
  /** Where TLS that ends in the enclave is passed on, of one for language models. */
  tlsUrl?: string
  receiptKey: Hex
  sandboxed: boolean
  failed: Promise<never>
}

/** What the services share, and the newest block read. */
type Parts = Prepared & {
  common: Common<OperatorConfig>
  metrics: Metrics
  nodes: Nodes
  transactions: Transactions
  head?: Head
}

/**
 * The operator agent, whole: it follows the chain, keeps an attested enclave serving, and answers requests.
 * Resolves when it serves; everything opened is closed by `common.shutdown`. Without an enclave: `startProving`.
 */
export async function startOperator(given: Common<AgentConfig>): Promise<Operator> {
  const common = withEnclave(given)
  const { config, shutdown } = common
  const metrics = createMetrics({
    registry: common.metrics,
    states: () => countStates(database.queries),
    evidenceTime: () => enclaves.current()?.registration.time,
    headTime: () => (parts.head ? Number(parts.head.timestamp) : undefined),
  })
  const nodes = nodesOf(common, metrics)
  const prepared = await prepare(common, nodes)
  const { database, image } = prepared
  await checkTee(config)
  await endLeftovers(common)
  const transactions = senderOf(prepared, nodes, common, metrics)
  const parts: Parts = { ...prepared, common, metrics, nodes, transactions }
  // Before anything checks on what waits to be mined, and sends it again.
  await retry(() => withdrawDead(parts, () => false), { signal: shutdown.signal, attempts: 5 })

  const ready = Promise.withResolvers<void>()
  const enclaves = createEnclaves(
    enclaveOptions(parts, () => {
      if (parts.head) worker.wake(parts.head)
      inference?.look()
      ready.resolve()
    }),
  )
  shutdown.onClose('enclaves', enclaves.close)
  const { client } = nodes
  const release = { publisher: config.release.publisher, manifest: image.manifest }
  const { current: enclave } = enclaves
  const inference = createInference({ common, release, enclave, head: () => parts.head })
  const prover = await createProver({
    common,
    database,
    models: parts.networks,
    onDone: () => parts.head && worker.wake(parts.head),
  })
  shutdown.onClose('prover', prover.close)
  const served = servedOf(parts)
  const profile = profileOf(config, parts, served)
  const slots = createSlots(nodes, config.deployment.operators)
  const inputs = createInputs({
    common,
    database,
    maxBytes: config.maxInput,
    allowPrivate: config.inputs.allowPrivate,
    onDone: () => parts.head && worker.wake(parts.head),
  })
  shutdown.onClose('inputs', inputs.close)
  const key = createKeyWatch({
    common,
    client,
    transactions,
    enclaves,
    registry: config.deployment.enclaveRegistry,
  })
  const expiry = createExpiry({
    common,
    nodes,
    database,
    transactions,
    profile,
    afterS: config.expireAfterS,
  })
  shutdown.onClose('expiry', expiry.close)
  const answering = {
    transactions,
    profile,
    slots,
    nextTime: createNextTime(client),
    minedBy: createMinedBy(client),
    enclave,
    inputs,
    prover,
    acceptInputs: config.inputs.accept,
    onKeyRefused: key.doubt,
  }
  const worker = createWorker({ common, nodes, database, ...answering })
  shutdown.onClose('worker', worker.close)

  const paying = paymentsOf(parts, { slots, profile: { ...profile, ...served }, enclave })

  const failure = Promise.withResolvers<never>()
  failure.promise.catch(() => {})
  const running = [
    follow(parts, { worker, key, expiry, slots, inference, settler: paying?.settler }),
    enclaves.run(),
  ]
  for (const task of running) task.catch(failure.reject)
  shutdown.onClose('watcher', () => Promise.allSettled(running))

  const http = createHttp({
    database,
    metrics: common.metrics,
    enclave,
    isKnown: () => !key.inDoubt(),
    head: () => parts.head,
    release,
    maxInput: config.maxInput,
    payments: paying?.payments,
    paymentRequired: config.payments.required,
    inference: inference?.http,
    onError: error => common.logger.error(describeError(error), 'a call failed'),
  })
  const { url, close } = await listen(http.fetch, {
    ...config.http,
    ...(inference && { most: MAX_CONNECTIONS }),
  })
  shutdown.onClose('http', close)
  const tlsUrl = await inference?.listen()
  await Promise.race([ready.promise.then(() => inference?.told), failure.promise])
  const { identity, sandboxed } = enclaves.current()!
  return {
    url,
    ...(tlsUrl && { tlsUrl }),
    receiptKey: identity.receiptKey,
    sandboxed,
    failed: failure.promise,
  }
}

function withEnclave(common: Common<AgentConfig>): Common<OperatorConfig> {
  const { config } = common
  if (hasEnclave(config)) return { ...common, config }
  throw new FatalError('CONFIG_INVALID', 'No image of an enclave is configured.', {
    fix: 'Set imageDir and release; an agent that only proves runs with `nacre operator run`.',
  })
}

/** Before anything waits for an enclave that cannot start. */
async function checkTee({ tee }: OperatorConfig): Promise<void> {
  const { ok, detail, fix } = await driverOf(tee.driver, tee).probe()
  if (ok) return
  throw new FatalError('TEE_UNAVAILABLE', `The driver ${tee.driver} starts no enclave on this machine.`, {
    why: detail,
    fix: `${fix ?? 'name another driver in tee.driver'}   (nacre doctor lists what each driver needs)`,
  })
}

/** Ends the enclaves of an agent that was killed. What cannot be ended is told; it does not keep this one from serving. */
async function endLeftovers({ config, logger }: Common<OperatorConfig>): Promise<void> {
  // Of every driver: the one that was configured before may have left them.
  for (const driver of Object.values(DRIVERS)) {
    try {
      const ended = await driver.sweep({ stateDir: config.stateDir })
      if (ended.length > 0) logger.warn({ ended }, 'an agent that was killed left enclaves, they were ended')
    } catch (error) {
      const { code, message, fix } = error as DriverError
      logger.error({ code, message, fix }, 'an agent that was killed left an enclave that could not be ended')
    }
  }
}

function enclaveOptions(parts: Parts, onServing: () => void): EnclavesOptions {
  const { common, image, root, artifacts, models, metrics } = parts
  const { config, logger, shutdown } = common
  return {
    common,
    launch: () =>
      launchEnclave({
        driver: driverOf(config.tee.driver, config.tee),
        image,
        root,
        config: parts.enclaveConfig,
        artifacts,
        ...(config.inference && {
          inference: { models, limits: limitsOf(config.inference), upstream: config.inference.upstream },
        }),
        stateDir: config.stateDir,
        signal: shutdown.signal,
        onLog: line => logger.debug({ line }, 'enclave'),
        onWarning: text => logger.warn(text),
      }),
    register: (enclave, ended) => introduce({ ...parts, client: parts.nodes.client }, enclave, ended),
    withdraw: isAlive => withdrawDead(parts, isAlive),
    release: { publisher: config.release.publisher, manifest: image.manifest },
    refreshAfterS: parts.refreshAfterS,
    drainS: config.inference?.drainS ?? 0,
    onLaunch: () => metrics.enclaveStarts.inc(),
    onServing,
  }
}

/** Vouchers are taken where a token is named; the configuration names the contract that pays, then. */
function paymentsOf(
  parts: Parts,
  {
    slots,
    profile,
    enclave,
  }: { slots: Slots; profile: Profile & Served; enclave: () => Serving | undefined },
): { payments: Payments; settler: Settler } | undefined {
  const { common, nodes, database, transactions } = parts
  const { deployment, payments } = common.config
  const { least, ...limits } = payments
  if (deployment.balances === undefined || Object.keys(least).length === 0) return undefined
  const settings = {
    ...limits,
    balances: deployment.balances,
    least: new Map(Object.entries(least) as [Hex, bigint][]),
  }
  const queues = createQueues()
  const shared = { settings, nodes, database, transactions, queues }
  const settler = createSettler({ ...shared, common, enclave })
  common.shutdown.onClose('settler', settler.close)
  const chainId = BigInt(deployment.chainId)
  return {
    settler,
    payments: createPayments({
      ...shared,
      chainId,
      slots,
      profile,
      enclave: () => enclave() ?? unavailable('ENCLAVE_UNAVAILABLE', 'No enclave is serving at the moment.'),
      head: () => parts.head ?? unavailable('CHAIN_UNAVAILABLE', 'No block was read yet.'),
    }),
  }
}

function unavailable(code: 'ENCLAVE_UNAVAILABLE' | 'CHAIN_UNAVAILABLE', message: string): never {
  throw new RetryableError(code, message, { fix: 'Try again in a few seconds.' })
}

function servedOf({ common, enclaveConfig, artifacts }: Parts): Served {
  const { release, tee } = common.config
  return {
    releaseId: enclaveConfig.releaseId,
    publisher: release.publisher,
    assurance: DRIVERS[tee.driver].assurance,
    artifacts: new Set(artifacts.map(({ artifact }) => artifact)),
  }
}
