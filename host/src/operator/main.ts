import { parseArgs } from 'node:util'
import { describeError, FatalError } from '../common/errors.ts'
import { runOperator } from './run.ts'

/** The operator agent's process: `node_modules/.bin/node host/src/operator/main.ts --config FILE`. */
async function main(): Promise<void> {
  await runOperator({ configFile: configFile(), onReady: operator => say({ event: 'ready', ...operator }) })
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
