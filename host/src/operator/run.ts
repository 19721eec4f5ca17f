import type { DestinationStream } from 'pino'
import { loadConfig } from '../common/config.ts'
import { type Common, createCommon } from '../common/index.ts'
import { closeOnSignals } from '../common/shutdown.ts'
import { type AgentConfig, hasEnclave, operatorConfig } from './config.ts'
import { type Operator, startOperator } from './start.ts'
import { type ProvingOperator, startProving } from './zk/start.ts'

/** Tells one that serves with an enclave from one that only proves. */
type Running = Operator | ProvingOperator
type Ready = Omit<Operator, 'failed'> | Omit<ProvingOperator, 'failed'>

export type RunOptions = {
  configFile: string
  /** The enclave's key is registered, or the networks are proven, and requests are answered. */
  onReady: (operator: Ready) => void
  log?: DestinationStream
}

/** Runs the agent until a signal ends this process. Throws HostError when it cannot go on. */
export async function runOperator({ configFile, onReady, log }: RunOptions): Promise<void> {
  const config = loadConfig(operatorConfig, configFile)
  const common = createCommon({
    name: 'operator',
    config,
    logLevel: config.logLevel,
    ...(log === undefined ? {} : { log }),
  })
  closeOnSignals(common.shutdown)
  try {
    const { failed, ...operator } = await start(common)
    onReady(operator)
    await failed
  } catch (error) {
    if (common.shutdown.signal.aborted) return
    await common.shutdown.close()
    throw error
  }
}

function start(common: Common<AgentConfig>): Promise<Running> {
  return hasEnclave(common.config) ? startOperator(common) : startProving(common)
}
