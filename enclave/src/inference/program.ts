import { createChannelServer } from '../channel.ts'
import { MODEL_UPLOAD_LIMIT_MS } from '../limits.ts'
import { report, runMain, serveChannel } from '../run.ts'
import { languageRoutes } from './channelRoutes.ts'
import type { LanguageEngine } from './languageEngine.ts'
import { createLanguageService } from './service.ts'
import { type InferenceLimits, readInferenceOptions } from './startOptions.ts'

/** An engine for language models: what receipts say of it, and how it is started. */
export type LanguageEngineKind = {
  name: string
  kernel: Record<string, unknown>
  create(limits: InferenceLimits): LanguageEngine
}

/** The program of an image for language models: it answers on its channel and its API until it is told to stop. */
export function runLanguageProgram({ name, kernel, create }: LanguageEngineKind): void {
  runMain(async configFile => {
    const options = readInferenceOptions(configFile)
    const engine = create(options.inference)
    const service = await createLanguageService(options, {
      engine,
      engineName: name,
      kernel,
      onError: reportKind,
    })
    const routes = languageRoutes(service, options.engine.maxArtifactBytes)
    await service.listen()
    await serveChannel(createChannelServer(routes, report, MODEL_UPLOAD_LIMIT_MS), options.sockets.channel)
    service.close()
  })
}

/** Of what an API answers: its kind and its place in the program, for a message may have words of a prompt. */
function reportKind(error: unknown): void {
  const { name, code } = (error ?? {}) as { name?: string; code?: string }
  const place = error instanceof Error ? /\n\s+at ([^\n]*)/.exec(error.stack ?? '')?.[1] : undefined
  report(`api: ${code ?? name ?? 'a failure'}${place ? ` at ${place}` : ''}`)
}
