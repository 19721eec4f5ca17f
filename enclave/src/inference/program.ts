import { messageOf } from '@nacre/verify'
import { createChannelServer } from '../channel.ts'
import { ChannelError } from '../errors.ts'
import { MODEL_UPLOAD_LIMIT_MS } from '../limits.ts'
import { report, runMain, serveChannel } from '../run.ts'
import { languageRoutes } from './channelRoutes.ts'
import { createLanguageService, type LanguageEngineKind } from './service.ts'
import { type InferenceOptions, readInferenceOptions } from './startOptions.ts'

/** The program of an image for language models: it answers on its channel and its API until it is told to stop. */
export function runLanguageProgram(start: (options: InferenceOptions) => LanguageEngineKind): void {
  runMain(async configFile => {
    const options = readInferenceOptions(configFile)
    const kind = invalidUnless(() => start(options))
    const service = await createLanguageService(options, { ...kind, onError: reportKind })
    for (const model of kind.models ?? []) await service.models.declare(model)
    const routes = languageRoutes(service, options.engine.maxArtifactBytes)
    await service.listen()
    await serveChannel(createChannelServer(routes, report, MODEL_UPLOAD_LIMIT_MS), options.sockets.channel)
    service.close()
  })
}

function invalidUnless<T>(start: () => T): T {
  try {
    return start()
  } catch (cause) {
    throw new ChannelError('invalid-config', messageOf(cause), cause)
  }
}

/** Of what an API answers: its kind and its place in the program, for a message may have words of a prompt. */
function reportKind(error: unknown): void {
  const { name, code } = (error ?? {}) as { name?: string; code?: string }
  const place = error instanceof Error ? /\n\s+at ([^\n]*)/.exec(error.stack ?? '')?.[1] : undefined
  report(`api: ${code ?? name ?? 'a failure'}${place ? ` at ${place}` : ''}`)
}
