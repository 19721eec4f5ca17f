import { LLAMA_ENGINE } from './engineName.ts'
import { ENGINE_ARGUMENT } from './engineProcess.ts'
import { runLanguageProgram } from './inference/program.ts'
import { createLanguageEngine } from './llama/engine.ts'
import { KERNEL } from './llama/kernel.ts'
import { serveLanguageEngine } from './llama/serve.ts'

/** The image `nacre-llama`; with the argument `engine`, and the engine's limits as JSON, the engine's own process. */
if (process.argv[2] === ENGINE_ARGUMENT) serveLanguageEngine(JSON.parse(process.argv[3] ?? ''))
else
  runLanguageProgram({
    name: LLAMA_ENGINE,
    kernel: KERNEL,
    create: limits => createLanguageEngine(limits, import.meta.filename),
  })
