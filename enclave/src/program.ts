import { randomBytes } from 'node:crypto'
import type { EngineKind } from './artifactTypes.ts'
import { createChannel } from './channel.ts'
import { readStartOptions } from './config.ts'
import { ENGINE_ARGUMENT, serveEngine } from './engineProcess.ts'
import { report, runMain, serveChannel } from './run.ts'
import { createService } from './service.ts'

/**
 * The program of an image: the enclave with this engine, or with the argument `engine` the engine's own process.
 * `file` is the program's, which is what the enclave starts that process from.
 */
export function runProgram(engine: EngineKind, file: string): void {
  if (process.argv[2] === ENGINE_ARGUMENT) serveEngine(engine)
  else runMain(configFile => main(engine, file, configFile))
}

/** The enclave: reads its configuration, makes its keys, answers on the channel until it is told to stop. */
async function main(engine: EngineKind, file: string, configFile: string): Promise<void> {
  const options = readStartOptions(configFile)
  const service = createService(options, engine.name, file)
  // Before any model is loaded: from then on Nitro's module in a guest makes evidence of this identity alone.
  if (options.evidence === 'nitro') await service.attest(`0x${randomBytes(32).toString('hex')}`)
  await serveChannel(createChannel(service, report), options.sockets.channel)
}
