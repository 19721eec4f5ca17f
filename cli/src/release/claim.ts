import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { REPOSITORY } from '../paths.ts'

/** What a comparison that finds no difference shows, in words, and no more than that. */
export function claimOf({ against, kernel }: { against?: string; kernel?: string }): string {
  if (against !== undefined) return `the same as ${against}`
  if (kernel === undefined) return 'what these sources build'
  return `what these sources build with the kernel ${kernel}, ${wordsOf(kernel)}`
}

/** A kernel that is given is compared with itself: what it does is in no source here. */
function wordsOf(kernel: string): string {
  const [own] = readFileSync(join(REPOSITORY, 'enclave/kernel/bzImage.sha256'), 'utf8').split(' ')
  const digest = createHash('sha256').update(readFileSync(kernel)).digest('hex')
  return digest === own
    ? 'which is the one of enclave/kernel/build.sh'
    : 'WHICH THESE SOURCES DO NOT KNOW: whoever made it can do anything in this release'
}
