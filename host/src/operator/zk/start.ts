import { createMinedBy } from '../../chain/minedBy.ts'
import { createNextTime } from '../../chain/nextTime.ts'
import { describeError } from '../../common/errors.ts'
import type { Common } from '../../common/index.ts'
import { listen } from '../../common/listen.ts'
import type { AgentConfig } from '../config.ts'
import { nodesOf, senderOf } from '../connection.ts'
import { createExpiry } from '../expire.ts'
import { type Followed, follow } from '../follow.ts'
import { createHttp } from '../http.ts'
import { createInputs } from '../inputs.ts'
import { createMetrics } from '../metrics.ts'
import { openBasics, profileOf } from '../prepare.ts'
import { countStates } from '../requests.ts'
import { createSlots } from '../slots.ts'
import { createWorker } from '../worker.ts'
import { createProver } from './prover.ts'

/** A running agent without an enclave. `failed` rejects when it cannot go on. */
export type ProvingOperator = {
  url: string
  /** What it proves. */
  artifacts: readonly `0x${string}`[]
  failed: Promise<never>
}

/**
 * The operator agent without an enclave: it follows the chain, and answers `zk` requests with proofs. Resolves when each
 * network has made one; everything opened is closed by `common.shutdown`.
 */
export async function startProving(common: Common<AgentConfig>): Promise<ProvingOperator> {
  const { config, shutdown } = common
  const metrics = createMetrics({
    registry: common.metrics,
    states: () => countStates(basics.database.queries),
    evidenceTime: () => undefined,
    headTime: () => (parts.head ? Number(parts.head.timestamp) : undefined),
  })
  const nodes = nodesOf(common, metrics)
  const basics = await openBasics(common, nodes)
  const { database, networks } = basics
  const transactions = senderOf(basics, nodes, common, metrics)
  const parts: Followed = { ...basics, common, nodes, metrics, transactions }
  const onDone = () => parts.head && worker.wake(parts.head)

  const prover = await createProver({ common, database, models: networks, onDone })
  shutdown.onClose('prover', prover.close)
  const { allowPrivate } = config.inputs
  const inputs = createInputs({ common, database, maxBytes: config.maxInput, allowPrivate, onDone })
  shutdown.onClose('inputs', inputs.close)
  const profile = profileOf(config, basics)
  const slots = createSlots(nodes, config.deployment.operators)
  const shared = { common, nodes, database, transactions, profile }
  const expiry = createExpiry({ ...shared, afterS: config.expireAfterS })
  shutdown.onClose('expiry', expiry.close)
  const worker = createWorker({
    ...shared,
    slots,
    nextTime: createNextTime(nodes.client),
    minedBy: createMinedBy(nodes.client),
    enclave: () => undefined,
    inputs,
    prover,
    acceptInputs: true,
    onKeyRefused: () => {},
  })
  shutdown.onClose('worker', worker.close)

  const failure = Promise.withResolvers<never>()
  failure.promise.catch(() => {})
  const running = follow(parts, { worker, expiry, slots })
  running.catch(failure.reject)
  shutdown.onClose('watcher', () => Promise.allSettled([running]))
  const http = createHttp({
    database,
    metrics: common.metrics,
    enclave: () => undefined,
    hasEnclave: false,
    isKnown: () => true,
    head: () => parts.head,
    release: undefined,
    maxInput: config.maxInput,
    payments: undefined,
    paymentRequired: false,
    onError: error => common.logger.error(describeError(error), 'a call failed'),
  })
  const { url, close } = await listen(http.fetch, config.http)
  shutdown.onClose('http', close)
  return { url, artifacts: [...profile.proves], failed: failure.promise }
}
