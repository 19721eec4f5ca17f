import { parseArgs } from 'node:util'
import { loadConfig } from '../common/config.ts'
import { describeError, FatalError } from '../common/errors.ts'
import { createCommon } from '../common/index.ts'
import { closeOnSignals } from '../common/shutdown.ts'
import { operatorConfig } from './config.ts'
import { startOperator } from './start.ts'

/** The operator agent's process: `node host/src/operator/main.ts --config FILE`. */
async function main(): Promise<void> {
  const config = loadConfig(operatorConfig, configFile())
  const common = createCommon({ name: 'operator', config, logLevel: config.logLevel })
  closeOnSignals(common.shutdown)
  try {
    const { url, receiptKey, sandboxed, failed } = await startOperator(common)
    process.stdout.write(`${JSON.stringify({ event: 'ready', url, receiptKey, sandboxed })}\n`)
    await failed
  } catch (error) {
    if (common.shutdown.signal.aborted) return
    await common.shutdown.close()
    fail(error)
  }
}

function configFile(): string {
  const { values } = parseArgs({ options: { config: { type: 'string' } } })
  if (values.config !== undefined) return values.config
  throw new FatalError('CONFIG_INVALID', 'No configuration was named.', { fix: 'Pass --config FILE.' })
}

/** The last line on stdout says why, as JSON, for whoever started this process. */
function fail(error: unknown): never {
  process.stdout.write(`${JSON.stringify({ event: 'failed', error: describeError(error) })}\n`)
  process.exit(1)
}

main().catch(fail)
