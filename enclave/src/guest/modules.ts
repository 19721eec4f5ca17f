import { chownSync, closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import type { Libc } from './libc.ts'
import { GUEST, USERS } from './paths.ts'

const NO_SUCH_DEVICE = 19

/** Loads the kernel's modules in the order of the measured list. One for a device that this machine lacks is none. */
export function loadModules(libc: Libc): void {
  const list = `${GUEST.modules}/list`
  if (!existsSync(list)) return
  for (const name of readFileSync(list, 'utf8').split('\n').filter(Boolean)) {
    const file = openSync(`${GUEST.modules}/${name}.ko`, 'r')
    try {
      libc.loadModule(file, '')
    } catch (error) {
      if ((error as { errno?: number }).errno !== NO_SUCH_DEVICE) throw new Error(`${name}: ${error}`)
    } finally {
      closeSync(file)
    }
  }
  if (existsSync('/sys/kernel/config')) mountReports(libc)
}

/** Where TDX and SEV-SNP give their reports (Linux, Documentation/ABI/testing/configfs-tsm): the program makes them. */
function mountReports(libc: Libc): void {
  libc.mount('configfs', '/sys/kernel/config', 'configfs')
  if (!existsSync(GUEST.tsm)) return
  chownSync(GUEST.tsm, USERS.program, USERS.group)
}
