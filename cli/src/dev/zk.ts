import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { NO_ENCLAVE } from '@nacre/sdk/zk/request'
import type { Hex } from '@nacre/verify'
import { chainClient } from './clients.ts'
import { fund } from './fund.ts'
import type { Network } from './network.ts'
import { schemaOf, writeAgentConfig } from './operator.ts'
import { zkAccount } from './settings.ts'
import { serveOffers, waitUntilServing } from './stake.ts'

/** The files of a network that is proven, absolute. */
export type ZkFiles = { container: string; provingKey: string; verifyingKey: string }

/**
 * What an operator that only proves is started with, on a running development network: stake, offers of these artifacts
 * and of no others, and the path of its configuration.
 */
export async function prepareZkOperator(
  network: Network,
  models: (ZkFiles & { artifact: Hex })[],
): Promise<{ account: Hex; config: string; retract: () => Promise<void> }> {
  const { paths, deployment, rpcUrl } = network
  const account = zkAccount()
  const client = chainClient(rpcUrl)
  await fund(client, account.address)
  const artifacts = models.map(({ artifact }) => artifact)
  const options = { client, rpcUrl, deployment, artifacts, profile: NO_ENCLAVE }
  await serveOffers(options, account)
  mkdirSync(join(paths.operator, 'zk'), { recursive: true, mode: 0o700 })
  const { wsUrl, databaseUrl } = ofFirstOperator(network)
  const config = writeAgentConfig({ paths, rpcUrl, wsUrl, databaseUrl, deployment }, 'zk', account, {
    schema: schemaOf(deployment, '_zk'),
    zk: models.map(({ container, provingKey, verifyingKey }) => ({ container, provingKey, verifyingKey })),
    inputs: { allowPrivate: true },
  })
  // In force from the next epoch on: whoever asks then is told at once that nobody proves.
  const retract = async () => {
    await serveOffers({ ...options, artifacts: [] }, account)
    await waitUntilServing(client, deployment)
  }
  return { account: account.address.toLowerCase() as Hex, config, retract }
}

/** What nacre dev told its operators and nobody else. */
function ofFirstOperator({ paths }: Network): { wsUrl: string; databaseUrl: string } {
  return JSON.parse(readFileSync(join(paths.operator, '1', 'config.json'), 'utf8'))
}
