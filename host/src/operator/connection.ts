import { createNodes, type Nodes } from '../chain/nodes.ts'
import { firstLine } from '../common/errors.ts'
import type { Common } from '../common/index.ts'
import type { AgentConfig } from './config.ts'
import type { Metrics } from './metrics.ts'
import type { Basics } from './prepare.ts'
import { createTransactions, type Transactions } from './transactions.ts'

/** The chain's node, or two that are held against each other. */
export function nodesOf({ config, logger }: Common<AgentConfig>, { witness, disagreements }: Metrics): Nodes {
  const { rpcUrl, witnessUrl, witnessLagMs: lagMs } = config
  witness.set(witnessUrl === undefined ? -1 : 0)
  return createNodes({
    rpcUrl,
    witnessUrl,
    lagMs,
    onWitness: state => {
      witness.set(state === 'agrees' ? 1 : 0)
      const level = state === 'agrees' ? 'info' : 'warn'
      logger[level]({ state }, 'the witness of the chain')
    },
    onDisagreement: (kind, views) => {
      disagreements.inc({ kind })
      logger.warn({ kind, ...views }, 'the nodes of the chain disagree')
    },
  })
}

/** The operator account's transactions. */
export function senderOf(
  { account, database }: Basics,
  nodes: Nodes,
  { config, logger }: Common<AgentConfig>,
  { gasSpent }: Metrics,
): Transactions {
  return createTransactions({
    nodes,
    account,
    chainId: config.deployment.chainId,
    database,
    ceiling: { maxFee: gwei(config.maxFeeGwei), priorityFee: gwei(config.maxTipGwei) },
    replaceAfterMs: config.replaceAfterMs,
    onMined: ({ purpose, gasUsed, gasPrice }) =>
      gasSpent.inc({ purpose: purpose.split(':')[0]! }, Number((gasUsed ?? 0n) * (gasPrice ?? 0n))),
    onRefused: error =>
      logger.warn({ error: firstLine(error) }, 'the node refused a transaction, it is sent again'),
  })
}

function gwei(amount: number): bigint {
  return BigInt(Math.round(amount * 1e9))
}
