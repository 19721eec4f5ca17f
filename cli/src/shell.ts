import { relative, resolve } from 'node:path'
import { DEFAULT_STATE } from './paths.ts'

/** A path as it is typed from here: relative when that is shorter. */
export function here(path: string): string {
  const short = relative(process.cwd(), path)
  return short.length < path.length ? short : path
}

/** A word of a command that a shell takes as it is. */
export function quoted(path: string): string {
  return /^[\w./@:+-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`
}

/** What a command needs behind it to be about the network of this state folder. */
export function stateFlag({ root }: { root: string }): string {
  return root === resolve(DEFAULT_STATE) ? '' : ` --state ${quoted(here(root))}`
}
