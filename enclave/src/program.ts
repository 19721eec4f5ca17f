import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { EngineKind } from './artifactTypes.ts'
import { createChannel } from './channel.ts'
import { readStartOptions } from './config.ts'
import { ENGINE_ARGUMENT, serveEngine } from './engineProcess.ts'
import { createService } from './service.ts'

/**
 * The program of an image: the enclave with this engine, or with the argument `engine` the engine's own process.
 * `file` is the program's, which is what the enclave starts that process from.
 */
export function runProgram(engine: EngineKind, file: string): void {
  if (process.argv[2] === ENGINE_ARGUMENT) serveEngine(engine)
  else main(engine, file, process.argv[2]).then(() => process.exit(0), fail)
}

/** The enclave: reads its configuration, makes its keys, answers on the channel until it is told to stop. */
async function main(engine: EngineKind, file: string, configFile: string | undefined): Promise<void> {
  if (!configFile) throw new Error('usage: enclave.mjs CONFIG')
  const options = readStartOptions(configFile)
  const service = createService(options, engine.name, file)
  // Before any model is loaded: from then on Nitro's module in a guest makes evidence of this identity alone.
  if (options.evidence === 'nitro') await service.attest(`0x${randomBytes(32).toString('hex')}`)
  const channel = createChannel(service, report)
  channel.listen(options.sockets.channel)
  await once(channel, 'listening')
  report('ready')
  await stopAsked()
  channel.close()
  channel.closeAllConnections()
}

/** SIGTERM, or the end of stdin: whoever launched the enclave holds the other end and may be gone. */
function stopAsked(): Promise<unknown> {
  process.stdin.resume()
  return Promise.race([
    once(process, 'SIGTERM'),
    once(process, 'SIGINT'),
    once(process.stdin, 'end').finally(() => process.stdin.destroy()),
  ])
}

/** One line on stderr; never an input, an output or a key. */
function report(event: unknown): void {
  const text =
    event instanceof Error ? `${event.message}${event.cause ? ` (${event.cause})` : ''}` : String(event)
  process.stderr.write(`enclave: ${text.replace(/\s+/g, ' ').slice(0, 500)}\n`)
}

function fail(error: unknown): void {
  report(error)
  process.exit(1)
}
