import { parseArgs } from 'node:util'
import { describeError, FatalError } from '../common/errors.ts'
import { runGateway } from './run.ts'

/** The gateway's process: `node_modules/.bin/node host/src/gateway/main.ts --config FILE`. */
async function main(): Promise<void> {
  await runGateway({ configFile: configFile(), onReady: gateway => say({ event: 'ready', ...gateway }) })
}

function configFile(): string {
  const { values } = parseArgs({ options: { config: { type: 'string' } } })
  if (values.config !== undefined) return values.config
  throw new FatalError('CONFIG_INVALID', 'No configuration was named.', { fix: 'Pass --config FILE.' })
}

function say(event: object): void {
  process.stdout.write(`${JSON.stringify(event)}\n`)
}

/** The last line on stdout says why, as JSON, for whoever started this process. */
function fail(error: unknown): never {
  say({ event: 'failed', error: describeError(error) })
  process.exit(1)
}

main().catch(fail)
