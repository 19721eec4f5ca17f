import type { DestinationStream } from 'pino'
import { loadConfig } from '../common/config.ts'
import { createCommon } from '../common/index.ts'
import { closeOnSignals } from '../common/shutdown.ts'
import { gatewayConfig } from './config.ts'
import { startGateway } from './start.ts'

export type RunOptions = {
  configFile: string
  /** It serves. */
  onReady: (gateway: { url: string }) => void
  log?: DestinationStream
}

/** Runs a gateway until a signal ends this process. Throws HostError when it cannot start. */
export async function runGateway({ configFile, onReady, log }: RunOptions): Promise<void> {
  const config = loadConfig(gatewayConfig, configFile)
  const common = createCommon({
    name: 'gateway',
    config,
    logLevel: config.logLevel,
    ...(log === undefined ? {} : { log }),
  })
  closeOnSignals(common.shutdown)
  try {
    onReady(await startGateway(common))
    // The process ends by a signal: closeOnSignals.
    await new Promise<never>(() => {})
  } catch (error) {
    if (common.shutdown.signal.aborted) return
    await common.shutdown.close()
    throw error
  }
}
