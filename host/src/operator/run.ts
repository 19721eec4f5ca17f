import type { DestinationStream } from 'pino'
import { loadConfig } from '../common/config.ts'
import { createCommon } from '../common/index.ts'
import { closeOnSignals } from '../common/shutdown.ts'
import { operatorConfig } from './config.ts'
import { type Operator, startOperator } from './start.ts'

export type RunOptions = {
  configFile: string
  /** The enclave's key is registered and requests are answered. */
  onReady: (operator: Omit<Operator, 'failed'>) => void
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
    const { failed, ...operator } = await startOperator(common)
    onReady(operator)
    await failed
  } catch (error) {
    if (common.shutdown.signal.aborted) return
    await common.shutdown.close()
    throw error
  }
}
