import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Hex } from '@nacre/verify'
import { type PublicClient, zeroAddress } from 'viem'
import { readLanguageModels } from '../catalog.ts'
import { CliError } from '../errors.ts'
import { REPOSITORY } from '../paths.ts'
import { agentError } from './agentError.ts'
import { fund } from './fund.ts'
import type { Inference } from './network.ts'
import { type Basics, schemaOf, writeConfig } from './operator.ts'
import { createOperator } from './operators.ts'
import { recordProcess } from './processes.ts'
import type { Run } from './run.ts'
import { languageAccount } from './settings.ts'

export type LanguageOptions = {
  client: PublicClient
  setup: Basics
  releaseId: Hex
  ports: LanguagePorts
}

/** Of the gateway, of the operator behind it, and of TLS that ends in the enclave. */
export type LanguagePorts = { gateway: number; operator: number; tls: number }

/** Wei, of a token of the prompt and of the completion: what receipts say; nobody is charged here. */
const PRICES = { token: zeroAddress, prompt: '1000000000', completion: '2000000000' }
const GATEWAY = join(REPOSITORY, 'host', 'src', 'gateway', 'main.ts')
const READY_MS = 60_000

/** Starts an operator of language models and a gateway before it. Its enclave is a process, however the others run. */
export async function startLanguage(run: Run, options: LanguageOptions): Promise<Inference> {
  const { releaseId, ports, setup } = options
  const models = readLanguageModels(setup.paths)
  // The gateway finds the operator when it serves.
  await Promise.all([startOperator(run, options, models), startGateway(run, options)])
  await untilServing(`http://127.0.0.1:${ports.gateway}/health`)
  const baseUrl = `http://127.0.0.1:${ports.gateway}/v1`
  const names = models.map(({ name }) => name).join(', ')
  run.progress.step(`OpenAI API on ${baseUrl}, model ${names}`)
  if (run.options.tee === 'qemu')
    run.progress.step('the enclave of the language model is a process all the same, and no virtual machine')
  return {
    baseUrl,
    tlsUrl: `https://127.0.0.1:${ports.tls}`,
    models: Object.fromEntries(models.map(({ name, artifact }) => [name, artifact])),
    releaseId,
  }
}

async function startOperator(
  run: Run,
  { client, setup, releaseId, ports }: LanguageOptions,
  models: { name: string; path: string }[],
): Promise<void> {
  const { lifetime, paths } = run
  const account = languageAccount()
  await fund(client, account.address)
  const config = writeConfig(setup, 'language', account, {
    schema: schemaOf(setup.deployment, '_language'),
    inference: {
      models: models.map(({ name, path }) => ({ id: name, file: path })),
      prices: PRICES,
      contextSize: 1_024,
      threads: 1,
      tls: { host: '127.0.0.1', port: ports.tls },
    },
    http: { host: '127.0.0.1', port: ports.operator },
  })
  const scratch = mkdtempSync(join(tmpdir(), 'nacre-dev-'))
  await lifetime.keep('temporary files', () => rmSync(scratch, { recursive: true, force: true }))
  const operator = createOperator(run, {
    ...{ client, releaseId, scratch, config },
    setup: { deployment: setup.deployment, catalog: [], tee: 'simulated' },
    name: 'language operator',
    account: account.address.toLowerCase() as Hex,
    log: join(paths.logs, 'language-operator.log'),
    url: `http://127.0.0.1:${ports.operator}`,
  })
  await lifetime.keep('language operator', () => operator.agent.stop())
  await operator.start()
}

/** The gateway is a process of its own; it accepts the enclaves that the network's policy accepts. */
async function startGateway(
  { host, paths, lifetime }: Run,
  { setup, ports }: LanguageOptions,
): Promise<void> {
  const file = join(paths.operator, 'gateway.json')
  const config = {
    operators: [`http://127.0.0.1:${ports.operator}`],
    databaseUrl: setup.databaseUrl,
    http: { host: '127.0.0.1', port: ports.gateway },
    keys: { required: false },
    policyFile: paths.policy,
    pollMs: 500,
  }
  writeFileSync(file, JSON.stringify(config, undefined, 2), { mode: 0o600 })
  const log = join(paths.logs, 'gateway.log')
  writeFileSync(log, '')
  const ready = Promise.withResolvers<void>()
  const child = host.spawnChild({
    command: process.execPath,
    args: [GATEWAY, '--config', file],
    stopSignal: 'SIGTERM',
    onLine: line => {
      writeFileSync(log, `${line}\n`, { flag: 'a' })
      if (line.startsWith('{"event":"ready"')) ready.resolve()
      if (line.startsWith('{"event":"failed"'))
        ready.reject(agentError('the gateway', JSON.parse(line).error, []))
    },
  })
  recordProcess(paths.processes, 'gateway', child.pid)
  await lifetime.keep('gateway', () => child.stop())
  await host.waitReady('the gateway', child, ready.promise, READY_MS)
  lifetime.watch('the gateway', child.exited)
}

/** It looks at its operators again and again: this waits until one of them serves. */
async function untilServing(url: string): Promise<void> {
  const end = performance.now() + READY_MS
  while (!(await fetch(url)).ok) {
    if (performance.now() > end)
      throw new CliError('child-failed', {
        what: 'the gateway finds no enclave of the language model',
        why: `none that the network’s policy accepts answers in ${READY_MS / 1000} s`,
        fix: 'read logs/gateway.log in the state folder',
      })
    await sleep(50)
  }
}
