import { encodeRamdisk, type RamdiskFile } from './cpio.ts'

const NODE = 'bin/node'

/**
 * The first ramdisk. PCRs are of kernel, command line and ramdisks with nothing between them, so that a host may count the
 * beginning of this one to what is before it, and boot without the files there under the same PCRs. What it loses first is
 * Node, and then nothing starts: a file that came before it could be left out, and nobody would see that.
 */
export function encodePlatform(files: RamdiskFile[]): Uint8Array {
  const [first] = files.map(({ path }) => path).sort()
  if (first !== NODE) throw new Error(`${first} comes before ${NODE}: a host could boot without it`)
  return encodeRamdisk(files)
}
