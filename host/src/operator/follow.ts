import type { Nodes } from '../chain/nodes.ts'
import { createWatcher, type Head } from '../chain/watcher.ts'
import { describeError } from '../common/errors.ts'
import type { Common } from '../common/index.ts'
import type { Settler } from '../payments/settle.ts'
import type { AgentConfig } from './config.ts'
import type { Expiry } from './expire.ts'
import type { Inference } from './inference.ts'
import type { KeyWatch } from './keyWatch.ts'
import type { Metrics } from './metrics.ts'
import { rewindTransactions } from './nonces.ts'
import type { Basics } from './prepare.ts'
import { applyEvents, obliges, rewindRequests } from './requests.ts'
import type { Slots } from './slots.ts'
import type { Transactions } from './transactions.ts'
import type { Worker } from './worker.ts'

/** What every block is told. */
type Followers = {
  worker: Worker
  expiry: Expiry
  slots: Slots
  /** Of an agent with an enclave. */
  key?: KeyWatch
  settler?: Settler | undefined
  inference?: Inference | undefined
}

/** What following takes; `head` is the newest block read. */
export type Followed = Basics & {
  common: Common<AgentConfig>
  nodes: Nodes
  metrics: Metrics
  transactions: Transactions
  head?: Head
}

/** Follows the chain until the shutdown: stores events, undoes dropped blocks, wakes the worker after every pass. */
export function follow(
  parts: Followed,
  { worker, key, expiry, slots, settler, inference }: Followers,
): Promise<void> {
  const { common, nodes, database, origin, metrics, transactions, operator } = parts
  const { config, logger, shutdown } = common
  const watcher = createWatcher({
    nodes,
    obliges,
    ...(config.wsUrl === undefined ? {} : { wsUrl: config.wsUrl }),
    database,
    origin,
    addresses: [origin.relay],
    pollMs: config.pollMs,
    signal: shutdown.signal,
    apply: async (queries, logs) => {
      for (const latency of await applyEvents(queries, logs, operator)) metrics.fulfilSeconds.observe(latency)
    },
    rewind: async (queries, ancestor) => {
      logger.warn({ ancestor: Number(ancestor) }, 'the chain was reorganised')
      await rewindRequests(queries, ancestor)
      await rewindTransactions(queries, ancestor)
      key?.doubt()
      slots.forget()
    },
    onSynced: newest => {
      parts.head = newest
      worker.wake(newest)
      expiry.look(newest)
      settler?.look(newest)
      inference?.look()
      transactions
        .check()
        .then(key?.confirm)
        .catch(error => logger.warn(describeError(error), 'transactions could not be checked'))
    },
    onRetry: error => logger.warn(describeError(error), 'the chain could not be read, trying again'),
    onConnection: connected => metrics.chainConnected.set(connected ? 1 : 0),
  })
  return watcher.run()
}
