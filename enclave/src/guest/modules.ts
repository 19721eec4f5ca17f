import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import type { Libc } from './libc.ts'
import { GUEST } from './paths.ts'

const NO_SUCH_DEVICE = 19

/**
 * Loads the kernel's modules in the order of the measured list. One for a device that this machine lacks is none, and a
 * kernel with everything built in has no list.
 * @throws Error naming the module
 */
export function loadModules({ loadModule }: Pick<Libc, 'loadModule'>, folder: string = GUEST.modules): void {
  const list = `${folder}/list`
  if (!existsSync(list)) return
  for (const name of readFileSync(list, 'utf8').split('\n').filter(Boolean)) {
    const file = openSync(`${folder}/${name}.ko`, 'r')
    try {
      loadModule(file, '')
    } catch (error) {
      if ((error as { errno?: number }).errno !== NO_SUCH_DEVICE) throw new Error(`${name}: ${error}`)
    } finally {
      closeSync(file)
    }
  }
}
