import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Hex } from '@nacre/verify'
import type { PublicClient } from 'viem'
import { fund } from './fund.ts'
import { type Basics, schemaOf, writeConfig } from './operator.ts'
import { createOperator } from './operators.ts'
import type { Run } from './run.ts'
import { proofAccount } from './settings.ts'

export type ProofsOptions = {
  client: PublicClient
  setup: Basics
  releaseId: Hex
  port: number
  /** Files of verifying keys. */
  keys: readonly string[]
}

/**
 * Starts an operator whose enclave verifies proofs against these keys, for clients that ask it themselves. Its enclave is a process,
 * however the others run.
 */
export async function startProofs(run: Run, options: ProofsOptions): Promise<string> {
  const { lifetime, paths, progress } = run
  const { client, setup, releaseId, port, keys } = options
  const account = proofAccount()
  await fund(client, account.address)
  const url = `http://127.0.0.1:${port}`
  const config = writeConfig(setup, 'proofs', account, {
    schema: schemaOf(setup.deployment, '_proofs'),
    artifacts: keys.map(key => resolve(key)),
    http: { host: '127.0.0.1', port },
    payments: {},
  })
  const scratch = mkdtempSync(join(tmpdir(), 'nacre-dev-'))
  await lifetime.keep('temporary files', () => rmSync(scratch, { recursive: true, force: true }))
  const operator = createOperator(run, {
    ...{ client, releaseId, scratch, config, url },
    setup: { deployment: setup.deployment, catalog: [], tee: 'simulated' },
    name: 'proof operator',
    account: account.address.toLowerCase() as Hex,
    log: join(paths.logs, 'proof-operator.log'),
  })
  await lifetime.keep('proof operator', () => operator.agent.stop())
  await operator.start()
  const against = keys.length === 1 ? 'a verifying key' : `${keys.length} verifying keys`
  progress.step(`its enclave verifies proofs against ${against}: nacre zk attest KEY PROOF`)
  return url
}
