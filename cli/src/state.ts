import { existsSync, lstatSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { CliError } from './errors.ts'
import { type StatePaths, statePaths } from './paths.ts'

/** Says that a folder's files are a development network's, so that `--reset` never deletes anything else. */
const MARKER = 'nacre-state'

/**
 * The state folder, made when it is missing.
 * @throws CliError state-unusable when it cannot be made, belongs to somebody else, or holds other files
 */
export function openState(dir: string): StatePaths {
  const paths = statePaths(dir)
  try {
    make(paths.root)
    checkOwner(paths.root)
    claim(paths.root)
    return paths
  } catch (error) {
    if (error instanceof CliError) throw error
    throw unusable(paths.root, error instanceof Error ? error.message : String(error))
  }
}

/** Not mkdir's `recursive`: where the kernel lets nothing be made, as in /proc, it never returns. */
function make(dir: string): void {
  if (existsSync(dir)) return
  make(dirname(dir))
  mkdirSync(dir, { mode: 0o711 })
}

/** In a folder of somebody else, or one that everybody may write to, our files could be replaced by links. */
function checkOwner(root: string): void {
  const { uid, mode } = statSync(root)
  const own = process.getuid?.() ?? uid
  if (uid !== own) throw unusable(root, `it belongs to user ${uid}, and this is user ${own}`)
  if ((mode & 0o002) !== 0) throw unusable(root, 'everybody may write to it')
}

function claim(root: string): void {
  const marker = join(root, MARKER)
  if (lstatSync(marker, { throwIfNoEntry: false })?.isFile()) return
  const [other] = readdirSync(root)
  if (other !== undefined && !existsSync(marker))
    throw unusable(root, `it holds other files (${other}), and no development network made it`)
  writeFileSync(marker, 'State of a nacre development network; `nacre dev --reset` deletes it.\n', {
    flag: 'wx',
  })
}

function unusable(root: string, why: string): CliError {
  return new CliError('state-unusable', {
    what: `${root} cannot be the state folder`,
    why,
    fix: 'name an empty folder of your own, or one that is not there yet: --state DIR',
  })
}
