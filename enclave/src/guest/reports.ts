import { chownSync, existsSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Libc } from './libc.ts'
import { GUEST, USERS } from './paths.ts'

/** Where configfs is mounted, where a kernel has it. */
const CONFIGFS = '/sys/kernel/config'

/**
 * Opens to the program what TDX and SEV-SNP make reports by (Linux, Documentation/ABI/testing/configfs-tsm-report): one
 * folder, whose files belong to root whoever made it, so that nobody else asks for a report. A machine that makes none
 * refuses the folder.
 */
export function openReports({ mount }: Pick<Libc, 'mount'>): void {
  if (!existsSync(CONFIGFS)) return
  mount('configfs', CONFIGFS, 'configfs')
  if (existsSync(dirname(GUEST.report))) grantReport(GUEST.report)
}

/** The one file that is written to, and the program alone. */
export function grantReport(folder: string, { program }: { program: number } = USERS): void {
  try {
    mkdirSync(folder)
  } catch {
    return
  }
  chownSync(`${folder}/inblob`, program, program)
}
