import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { type FileCalls, kernelFiles } from '../src/attest/tsm.ts'

export type TsmBehaviour = {
  provider?: string
  /** What the platform makes of the 64 bytes; without `auxblob` the kernel is one that has no such attribute. */
  report(inblob: Uint8Array): { outblob: Uint8Array; auxblob?: Uint8Array }
  /** How often another program writes to the same folder before the report is read. */
  races?: number
  /** The quoting enclave never answers. */
  silent?: boolean
}

/** A folder that behaves as one that was made in the kernel's /sys/kernel/config/tsm/report (drivers/virt/coco/tsm.c). */
export type TsmFolder = {
  folder: string
  files: FileCalls
  /** How often a report was asked for. */
  asked(): number
  close(): void
}

const MAX_INBLOB = 64

/** `kernelFiles` on a real folder, which has the kernel's files. */
export function createTsmFolder({
  provider = 'tdx_guest',
  races = 0,
  silent,
  report,
}: TsmBehaviour): TsmFolder {
  const folder = mkdtempSync(join(tmpdir(), 'nacre-tsm-'))
  const texts = { provider: `${provider}\n`, generation: '0\n', inblob: '', outblob: '' }
  for (const [name, text] of Object.entries(texts)) writeFileSync(join(folder, name), text)
  let racesLeft = races
  let asked = 0
  const generationOf = (path: string) => Number(readFileSync(join(path, 'generation'), 'latin1'))
  const wrote = (path: string) => writeFileSync(join(path, 'generation'), `${generationOf(path) + 1}\n`)
  /** Slow, as the platform is asked; a second read gives what is there. */
  const make = (path: string) => {
    if (generationOf(path) === 0) throw errno('EINVAL')
    const inblob = new Uint8Array(readFileSync(join(path, 'inblob')))
    if (inblob.length !== MAX_INBLOB) throw errno('EINVAL')
    const { outblob, auxblob } = report(inblob)
    writeFileSync(join(path, 'outblob'), outblob)
    if (auxblob) writeFileSync(join(path, 'auxblob'), auxblob)
    if (racesLeft-- > 0) wrote(path)
  }
  const files: FileCalls = {
    async read(path, max) {
      const name = basename(path)
      if (name === 'inblob') throw errno('EACCES')
      if (name === 'outblob') asked++
      if (name === 'outblob' && silent) return new Promise(() => {})
      if (name === 'outblob') make(dirname(path))
      return kernelFiles.read(path, max)
    },
    async write(path, bytes) {
      if (basename(path) !== 'inblob') throw errno('EACCES')
      if (bytes.length > MAX_INBLOB) throw errno('EFBIG')
      await kernelFiles.write(path, bytes)
      wrote(dirname(path))
    },
  }
  return {
    folder,
    files,
    asked: () => asked,
    close: () => rmSync(folder, { recursive: true, force: true }),
  }
}

function errno(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: as the kernel says it`), { code })
}
