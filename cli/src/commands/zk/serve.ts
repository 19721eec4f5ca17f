import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { registerZkKey } from '@nacre/sdk/zk/keys'
import { agentError } from '../../dev/agentError.ts'
import { chainWallet } from '../../dev/clients.ts'
import { fund } from '../../dev/fund.ts'
import { createLifetime, type Lifetime } from '../../dev/lifetime.ts'
import { findNetwork, type Network } from '../../dev/network.ts'
import { AGENT } from '../../dev/operator.ts'
import { type Host, loadHost } from '../../dev/run.ts'
import { PRICE, zkAccount } from '../../dev/settings.ts'
import { waitUntilServing } from '../../dev/stake.ts'
import { prepareZkOperator, type ZkFiles } from '../../dev/zk.ts'
import { CliError, EXIT } from '../../errors.ts'
import { formatAmount } from '../../operator/amounts.ts'
import { readable } from '../../operator/run.ts'
import { describeError, green, type Output, yellow } from '../../output.ts'
import { here, quoted } from '../../shell.ts'
import { readContainer } from './files.ts'
import { type OwnKey, zkFilesOf } from './keyFiles.ts'
import { say } from './told.ts'

export type ServeOptions = { key?: string; provingKey?: string; state: string }

/** Each network makes a proof before it is served. */
const READY_MS = 600_000
const NAME = 'zk operator'

/** `nacre zk serve CONTAINER…`: an operator that proves these networks, on the running development network. */
export async function serve(containers: string[], options: ServeOptions, output: Output): Promise<number> {
  const models = filesOf(containers, options)
  const network = findNetwork(options.state)
  const host = await loadHost()
  const lifetime = createLifetime({
    onStopFailed: (name, error) => say(`${name}: ${describeError(error).message}`),
  })
  try {
    await lifetime.during(start({ network, host, lifetime, models }, output))
    await lifetime.during(lifetime.interrupted).catch(unlessInterrupted)
    return EXIT.ok
  } finally {
    say('stopping; its offers are taken back')
    await lifetime.close()
  }
}

type Run = { network: Network; host: Host; lifetime: Lifetime; models: (ZkFiles & OwnKey)[] }

async function start({ network, host, lifetime, models }: Run, output: Output): Promise<void> {
  const { paths } = network
  const lock = host.lockState(join(paths.operator, 'zk-serve'))
  await lifetime.keep('lock', lock.release)
  await register(network, models)
  const { account, config, retract } = await prepareZkOperator(network, models)
  await lifetime.keep('offers', retract)
  say('staked and announced; each network makes a proof first')
  const url = await startAgent({ network, host, lifetime, models }, config, output)
  await waitUntilServing(network.client, network.deployment)
  output.line(yellow('SIMULATED development network'))
  for (const { container, artifact } of models) {
    output.line(`${here(container)}  ${artifact}, ${formatAmount(PRICE)} an answer`)
    output.line(`  nacre zk request ${quoted(here(container))} '[[…]]'`)
  }
  output.line(green(`The operator ${account} proves what is asked on chain. Ctrl-C stops it.`))
  output.result({ event: 'ready', url, operator: account, artifacts: models.map(({ artifact }) => artifact) })
}

/** Anyone may: whoever comes first pays for the contract. */
async function register({ client, deployment, rpcUrl }: Network, models: OwnKey[]): Promise<void> {
  const wallet = chainWallet(rpcUrl, zkAccount())
  await fund(client, wallet.account.address)
  for (const { bytes: keyFile } of models) {
    const { artifact, verifier, gasUsed } = await registerZkKey({
      ...{ client, wallet, keyFile },
      zkVerifiers: deployment.zkVerifiers,
    })
    say(`${artifact} is verified by ${verifier}${gasUsed === undefined ? '' : `, made for ${gasUsed} gas`}`)
  }
}

/** The agent is a process of its own; its log is told, and written beside those of the network's operators. */
async function startAgent({ network, host, lifetime }: Run, config: string, output: Output): Promise<string> {
  const log = join(network.paths.logs, 'zk-operator.log')
  writeFileSync(log, '')
  const ready = Promise.withResolvers<{ url: string }>()
  const child = host.spawnChild({
    command: process.execPath,
    args: [AGENT, '--config', config],
    stopSignal: 'SIGTERM',
    onLine: line => {
      writeFileSync(log, `${line}\n`, { flag: 'a' })
      if (line.startsWith('{"event":"ready"')) ready.resolve(JSON.parse(line))
      else if (line.startsWith('{"event":"failed"'))
        ready.reject(agentError(NAME, JSON.parse(line).error, []))
      else output.line(readable(line))
    },
  })
  await lifetime.keep(NAME, () => child.stop())
  await host.waitReady(NAME, child, ready.promise, READY_MS)
  lifetime.watch(NAME, child.exited)
  return (await ready.promise).url
}

function filesOf(containers: string[], options: ServeOptions): (ZkFiles & OwnKey)[] {
  const { key, provingKey } = options
  if (containers.length > 1 && (key ?? provingKey) !== undefined)
    throw new CliError('usage', {
      what: 'keys are named, and several containers',
      why: 'each container has keys of its own',
      fix: 'leave --key and --proving-key out: the keys are beside each container',
    })
  return containers.map(container => {
    readContainer(container)
    return zkFilesOf(container, options)
  })
}

/** Ctrl-C is how it ends. */
function unlessInterrupted(error: unknown): void {
  if (!(error instanceof CliError && error.code === 'interrupted')) throw error
}
