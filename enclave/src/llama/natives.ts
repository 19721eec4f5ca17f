import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** The folder of the engine's native files: in their package; in an image lib/, which the build puts here. */
export function nativesFolder(): string {
  const main = createRequire(import.meta.url).resolve('@node-llama-cpp/linux-x64')
  return join(dirname(main), '../bins/linux-x64')
}
