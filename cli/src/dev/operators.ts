import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { enclaveRegistryAbi } from '@nacre/contracts'
import type { Hex } from '@nacre/verify'
import type { PublicClient } from 'viem'
import { CliError } from '../errors.ts'
import { red, yellow } from '../output.ts'
import { agentError } from './agentError.ts'
import { type AgentProcess, createAgentProcess, type Launched, type Ready } from './agentProcess.ts'
import { memoryWarning } from './memory.ts'
import { AGENT, type OperatorSetup, writeOperatorConfig } from './operator.ts'
import { recordProcess } from './processes.ts'
import type { Run } from './run.ts'
import { operatorAccount } from './settings.ts'

/** An operator of the network. After a restart all of it is as before but its receipt key. */
export type Operator = {
  name: string
  /** Lower-case. */
  account: Hex
  url: string
  agent: AgentProcess
  /** The key that its enclave made, once `start` has resolved. */
  receiptKey(): Hex
  /** Starts the agent, and checks that the chain knows its enclave's key. */
  start(): Promise<Ready>
}

type OperatorsOptions = { client: PublicClient; setup: OperatorSetup; releaseId: Hex; ports: number[] }

/** Machines without KVM, several at a time on few cores, boot for a while. */
const READY_MS = { simulated: 60_000, qemu: 240_000 }
const SANDBOXED = {
  simulated: 'the enclaves run in bubblewrap sandboxes without a network',
  qemu: 'the enclaves run in virtual machines without a network, booted from the measured image',
}
const NO_SANDBOX =
  'WARNING: bubblewrap does not work here. The enclaves are plain processes WITHOUT A SANDBOX: apt-get install bubblewrap'

/** Starts one agent a port, all at the same time; each is ready when the chain has verified its enclave's attestation. */
export async function startOperators(run: Run, options: OperatorsOptions): Promise<Operator[]> {
  const { lifetime, progress } = run
  const memory = memoryWarning(options.setup.tee, options.ports.length)
  if (memory !== undefined) progress.step(yellow(memory))
  // An agent that is killed leaves its temporary files. Not in the state folder: paths of Unix sockets are short.
  const scratch = mkdtempSync(join(tmpdir(), 'nacre-dev-'))
  await lifetime.keep('temporary files', () => rmSync(scratch, { recursive: true, force: true }))
  const operators = options.ports.map((port, index) =>
    operatorOf(run, { ...options, scratch }, index + 1, port),
  )
  await lifetime.keep('operators', () => Promise.all(operators.map(({ agent }) => agent.stop())))
  const started = await Promise.all(operators.map(operator => operator.start()))
  const sandboxed = started.every(ready => ready.sandboxed)
  progress.step(sandboxed ? SANDBOXED[options.setup.tee] : red(NO_SANDBOX))
  return operators
}

function operatorOf(
  run: Run,
  options: OperatorsOptions & { scratch: string },
  number: number,
  port: number,
): Operator {
  return createOperator(run, {
    ...options,
    name: `operator ${number}`,
    account: operatorAccount(number).address.toLowerCase() as Hex,
    config: writeOperatorConfig(options.setup, number, port),
    log: join(run.paths.logs, `operator-${number}.log`),
    url: `http://127.0.0.1:${port}`,
  })
}

/** What one agent is started with, and what the chain has to know of it. */
export type AgentSetup = {
  client: PublicClient
  setup: Pick<OperatorSetup, 'deployment' | 'catalog' | 'tee'>
  releaseId: Hex
  /** Folder of its temporary files. */
  scratch: string
  name: string
  account: Hex
  /** Its configuration's path, and its log's. */
  config: string
  log: string
  url: string
}

export function createOperator(run: Run, options: AgentSetup): Operator {
  const { lifetime, progress } = run
  const { name, account, log, url } = options
  writeFileSync(log, '')
  let receiptKey: Hex | undefined

  /** The chain itself says that it verified the enclave's evidence. */
  async function greet(ready: Ready): Promise<void> {
    await checkAttested(options, ready.receiptKey)
    const what = receiptKey === undefined ? `on ${ready.url}` : 'is back with a new key'
    receiptKey = ready.receiptKey
    progress.step(`${name} ${what}; the chain verified the SIMULATED attestation of ${receiptKey}`)
  }

  const agent = createAgentProcess({
    name,
    launch: () => launch(run, options),
    say: text => progress.step(yellow(text)),
    onBack: ready => void greet(ready).catch(error => lifetime.fail(error)),
    onGivenUp: error => lifetime.fail(error),
  })
  return {
    name,
    account,
    url,
    agent,
    receiptKey: () => receiptKey ?? '0x',
    start: async () => {
      const ready = await agent.start()
      await greet(ready)
      return ready
    },
  }
}

/** The agent is a process of its own; what it writes goes to its log. */
function launch(
  { host, paths }: Run,
  { setup: { catalog, tee }, name, config, log, scratch }: AgentSetup,
): Launched {
  const ready = Promise.withResolvers<Ready>()
  const child = host.spawnChild({
    command: process.execPath,
    args: [AGENT, '--config', config],
    env: { ...process.env, TMPDIR: scratch },
    stopSignal: 'SIGTERM',
    onLine: line => {
      writeFileSync(log, `${line}\n`, { flag: 'a' })
      if (line.startsWith('{"event":"ready"')) ready.resolve(JSON.parse(line))
      if (line.startsWith('{"event":"failed"'))
        ready.reject(agentError(name, JSON.parse(line).error, catalog))
    },
  })
  recordProcess(paths.processes, name, child.pid)
  const saidReady = host.waitReady(name, child, ready.promise, READY_MS[tee]).then(() => ready.promise)
  return { pid: child.pid, exited: child.exited, ready: saidReady, stop: child.stop }
}

async function checkAttested(
  { client, setup, releaseId, name, account }: AgentSetup,
  receiptKey: Hex,
): Promise<void> {
  const { enclaveRegistry, block } = setup.deployment
  const registry = { address: enclaveRegistry, abi: enclaveRegistryAbi, strict: true } as const
  const args = { operator: account, releaseId }
  const fromBlock = BigInt(block)
  const events = await client.getContractEvents({ ...registry, eventName: 'KeyRegistered', args, fromBlock })
  if (events.some(event => event.args.receiptKey.toLowerCase() === receiptKey.toLowerCase())) return
  throw new CliError('child-failed', {
    what: `the key of ${name}’s enclave is not registered on chain`,
    why: 'the operator agent said that it is ready, and the registry has no such key of this release',
    fix: 'see logs/ in the state folder',
  })
}
