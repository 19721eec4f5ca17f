import { ENGINE_ARGUMENT } from './engineProcess.ts'
import { serveLanguageEngine } from './llama/serve.ts'

/** The image `nacre-llama`; with the argument `engine`, and the engine's limits as JSON, the engine's own process. */
if (process.argv[2] === ENGINE_ARGUMENT) serveLanguageEngine(JSON.parse(process.argv[3]!))
else throw new Error('usage: enclave.mjs engine LIMITS')
