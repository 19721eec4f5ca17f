import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** The folder of the engine's native files: that of their package. In an image they lie in lib/, and the build puts that here. */
export const NATIVES: string = join(packageFolder(), 'bins/linux-x64')

function packageFolder(): string {
  return dirname(dirname(createRequire(import.meta.url).resolve('@node-llama-cpp/linux-x64')))
}
