import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

/** Stand-ins of programs, in a folder that PATH begins with until they are removed. */
export type Programs = {
  dir: string
  /** A shell script by this name; again replaces it. */
  add(name: string, script: string): void
  delete(name: string): void
  /** Nothing but these programs is found: as on a machine where none is installed. */
  hideOthers(): void
  remove(): void
}

export function installPrograms(): Programs {
  const dir = mkdtempSync(join(tmpdir(), 'nacre-programs-'))
  const path = process.env.PATH ?? ''
  process.env.PATH = `${dir}${delimiter}${path}`
  return {
    dir,
    add(name, script) {
      const file = join(dir, name)
      // A file that another process is just running cannot be written.
      rmSync(file, { force: true })
      writeFileSync(file, `#!/bin/sh\n${script}\n`)
      chmodSync(file, 0o755)
    },
    delete: name => rmSync(join(dir, name)),
    hideOthers() {
      process.env.PATH = dir
    },
    remove() {
      process.env.PATH = path
      rmSync(dir, { recursive: true, force: true })
    },
  }
}
