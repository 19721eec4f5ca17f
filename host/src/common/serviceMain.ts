import { parseArgs } from 'node:util'
import { describeError, FatalError } from './errors.ts'

export type RunService<Ready extends object> = (options: {
  configFile: string
  onReady: (ready: Ready) => void
}) => Promise<void>

/**
 * A service's process: `--config FILE`, and lines of JSON on stdout for whoever started it, `ready` when it serves and
 * `failed`, with the reason, as the last one.
 */
export function serviceMain<Ready extends object>(run: RunService<Ready>): void {
  const main = async () =>
    await run({ configFile: configFile(), onReady: ready => say({ event: 'ready', ...ready }) })
  main().catch(error => {
    say({ event: 'failed', error: describeError(error) })
    process.exit(1)
  })
}

function configFile(): string {
  const { values } = parseArgs({ options: { config: { type: 'string' } } })
  if (values.config !== undefined) return values.config
  throw new FatalError('CONFIG_INVALID', 'No configuration was named.', { fix: 'Pass --config FILE.' })
}

function say(event: object): void {
  process.stdout.write(`${JSON.stringify(event)}\n`)
}
