import { runLanguageProgram } from './inference/program.ts'
import { createUpstreamEngine } from './upstream/engine.ts'
import { requireUpstream } from './upstream/upstream.ts'

/** The image `nacre-upstream`: an engine with OpenAI's API on the machine's own loopback answers in it. */
runLanguageProgram(({ config, inference, upstream }) => {
  if (!upstream) throw new Error('this image has no engine of its own: name one in upstream')
  requireUpstream(config, upstream)
  return {
    engine: createUpstreamEngine(upstream, inference.sequences + inference.queue),
    engineName: upstream.engine,
    kernel: { upstream: true },
    models: upstream.models,
  }
})
