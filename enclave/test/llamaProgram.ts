import { serveLanguageEngine } from '../src/llama/serve.ts'

/** The engine's process alone, as the program of an image starts it with the argument `engine`. */
serveLanguageEngine(JSON.parse(process.argv[3]!))
