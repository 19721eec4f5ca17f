import { resolve } from 'node:path'
import { EXIT } from '../errors.ts'
import { readable } from '../operator/run.ts'
import { green, type Output } from '../output.ts'
import { loadGateway } from './host.ts'

/** `nacre gateway run`: the gateway in this process, until a signal. Its log is told as that of `nacre operator run`. */
export async function runGateway(options: { config: string }, output: Output): Promise<number> {
  const host = await loadGateway()
  await host.runGateway({
    configFile: resolve(options.config),
    onReady: gateway => {
      output.result({ event: 'ready', ...gateway })
      if (!output.json)
        output.line(green(`The gateway serves the OpenAI API on ${gateway.url}/v1. Ctrl-C stops it.`))
    },
    ...(!output.json && { log: { write: line => output.line(readable(line)) } }),
  })
  return EXIT.ok
}
