import { type DestinationStream, type Logger, pino } from 'pino'
import { Registry } from 'prom-client'
import { createShutdown, type Shutdown } from './shutdown.ts'

/** What every service receives: its checked configuration, logger, metrics and shutdown. */
export type Common<Config> = { config: Config; logger: Logger; metrics: Registry; shutdown: Shutdown }

export type CommonOptions<Config> = {
  name: string
  config: Config
  logLevel?: string
  /** Where the log goes; stderr when absent. */
  log?: DestinationStream
  deadlineMs?: number
}

/** Makes the parts that services share. Logs are JSON lines and never hold inputs, outputs or keys. */
export function createCommon<Config>({
  name,
  config,
  logLevel = 'info',
  log = pino.destination({ fd: 2, sync: true }),
  deadlineMs,
}: CommonOptions<Config>): Common<Config> {
  const logger = pino({ name, level: logLevel }, log)
  const metrics = new Registry()
  const shutdown = createShutdown({ logger, ...(deadlineMs === undefined ? {} : { deadlineMs }) })
  return { config, logger, metrics, shutdown }
}
