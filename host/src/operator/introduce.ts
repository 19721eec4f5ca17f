import type { EnclaveConfig } from '@nacre/verify'
import type { PublicClient } from 'viem'
import { describeError } from '../common/errors.ts'
import type { Common } from '../common/index.ts'
import { claimKey } from './claims.ts'
import type { OperatorConfig } from './config.ts'
import type { Launched } from './enclaves.ts'
import { type Registration, register } from './register.ts'
import { verifiersOf } from './teeConfig.ts'
import type { Transactions } from './transactions.ts'

export type IntroduceOptions = {
  common: Pick<Common<OperatorConfig>, 'config' | 'logger'>
  client: PublicClient
  transactions: Transactions
  enclaveConfig: EnclaveConfig
}

/** Has the chain know an enclave's key, and then those contracts count it that are to: what it serves with. */
export async function introduce(
  { common, client, transactions, enclaveConfig }: IntroduceOptions,
  { identity, config: own, attest }: Launched,
  ended: AbortSignal,
): Promise<Registration> {
  const { config, logger } = common
  const onRetry = (error: unknown) =>
    logger.warn(describeError(error), 'the enclave waits for its key to be known on chain, trying again')
  const shared = { client, transactions, identity, ended, onRetry }
  const registration = await register({
    ...shared,
    contracts: config.deployment,
    config: own,
    attest,
    verifiers: verifiersOf(config),
  })
  await claimKey({ ...shared, claims: config.claims, operator: enclaveConfig.operator })
  return registration
}
