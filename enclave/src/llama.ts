import { llamaEngine } from './engineName.ts'
import { ENGINE_ARGUMENT } from './engineProcess.ts'
import { runLanguageProgram } from './inference/program.ts'
import { createLanguageEngine } from './llama/engine.ts'
import { KERNEL } from './llama/kernel.ts'
import { serveLanguageEngine } from './llama/serve.ts'
import { cpuVariant } from './llama/variant.ts'

/** The image `nacre-llama`; with the argument `engine`, and the engine's limits as JSON, the engine's own process. */
if (process.argv[2] === ENGINE_ARGUMENT) serveLanguageEngine(JSON.parse(process.argv[3] ?? ''))
else
  runLanguageProgram(({ config, inference, upstream }) => {
    if (upstream || config.engineHash) throw new Error('this image has an engine of its own')
    const engine = createLanguageEngine(inference, import.meta.filename)
    return { engine, engineName: llamaEngine(cpuVariant()), kernel: KERNEL }
  })
