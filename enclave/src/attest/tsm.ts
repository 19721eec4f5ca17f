import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { messageOf } from '@nacre/verify'
import { type Provider, reportDataOf, unavailable } from './evidence.ts'
import {
  MAX_TDX_QUOTE,
  MAX_TSM_AUX,
  MAX_TSM_TEXT,
  SNP_REPORT_SIZE,
  TSM_ATTEMPTS,
  TSM_TIMEOUT_MS,
} from './limits.ts'

/** Reports are made by calls on files alone: tests run them on a folder that behaves as the kernel's. */
export type FileCalls = {
  /** At most `max` bytes. */
  read(path: string, max: number): Promise<Uint8Array>
  /** In one write, which is what an attribute takes. */
  write(path: string, bytes: Uint8Array): Promise<void>
}

/** `folder` is an entry of configfs-tsm, which the guest's init has made: its files belong to root whoever makes it. */
export type TsmOptions = { folder: string; files?: FileCalls; timeoutMs?: number }

const PROVIDERS = { tdx: 'tdx_guest', snp: 'sev_guest' } as const

/**
 * Reports of the machine by Linux's configfs-tsm, from 6.7 on (Documentation/ABI/testing/configfs-tsm-report): a TDX
 * quote, or an SEV-SNP report with the host's certificate table behind it where it gives one.
 *
 * One report is made at a time: a read of the kernel's cannot be cancelled, and those that hang would otherwise take
 * every thread that Node reads files with.
 */
export function tsmProvider(kind: keyof typeof PROVIDERS, options: TsmOptions): Provider {
  const { folder, files = kernelFiles, timeoutMs = TSM_TIMEOUT_MS } = options
  let last: Promise<unknown> = Promise.resolve()
  return (userData, nonce) => {
    const deadline = AbortSignal.timeout(timeoutMs)
    const report = last.then(() => {
      deadline.throwIfAborted()
      return makeReport(kind, folder, files, reportDataOf(userData, nonce))
    })
    last = report.catch(() => {})
    return beforeDeadline(report, deadline)
  }
}

/** Again where somebody else wrote to the folder in between, a bounded number of times. */
async function makeReport(
  kind: keyof typeof PROVIDERS,
  folder: string,
  files: FileCalls,
  reportData: Uint8Array,
): Promise<Uint8Array> {
  for (let attempt = 0; attempt < TSM_ATTEMPTS; attempt++) {
    const report = await tryReport(kind, folder, files, reportData).catch(cause => {
      throw failed(messageOf(cause), cause)
    })
    if (report) return report
  }
  throw failed(`somebody else wrote to its folder, ${TSM_ATTEMPTS} times`)
}

/** Undefined after a race: the folder's generation tells whether what the kernel gives is for our `inblob`. */
async function tryReport(
  kind: keyof typeof PROVIDERS,
  folder: string,
  files: FileCalls,
  reportData: Uint8Array,
): Promise<Uint8Array | undefined> {
  const text = async (name: string) =>
    Buffer.from(await files.read(join(folder, name), MAX_TSM_TEXT))
      .toString('latin1')
      .trim()
  const provider = await text('provider')
  if (provider !== PROVIDERS[kind])
    throw new Error(`this machine's reports are of ${provider}, not of ${PROVIDERS[kind]}`)
  const before = generationOf(await text('generation'))
  await files.write(join(folder, 'inblob'), reportData)
  const report = await readReport(kind, folder, files)
  // The one write that is ours, and no other.
  return generationOf(await text('generation')) === before + 1 ? report : undefined
}

async function readReport(
  kind: keyof typeof PROVIDERS,
  folder: string,
  files: FileCalls,
): Promise<Uint8Array> {
  if (kind === 'tdx') {
    const quote = await files.read(join(folder, 'outblob'), MAX_TDX_QUOTE)
    if (quote.length === 0) throw new Error('an empty quote')
    return quote
  }
  const report = await files.read(join(folder, 'outblob'), SNP_REPORT_SIZE)
  if (report.length !== SNP_REPORT_SIZE) throw new Error(`a report of ${report.length} bytes`)
  // Kernels before it, and hosts without certificates, have none.
  const table = await files.read(join(folder, 'auxblob'), MAX_TSM_AUX).catch(error => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Uint8Array(0)
    throw error
  })
  return Buffer.concat([report, table])
}

function generationOf(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new Error('its generation is no number')
  return Number(text)
}

/** The kernel's own, of which nothing is known but the interface: sizes are not what `stat` says. */
export const kernelFiles: FileCalls = {
  async read(path, max) {
    const file = await open(path, constants.O_RDONLY)
    try {
      const buffer = Buffer.alloc(max + 1)
      let size = 0
      for (let count = -1; count !== 0 && size <= max; size += count)
        count = (await file.read(buffer, size, buffer.length - size)).bytesRead
      if (size > max) throw new Error(`more than ${max} bytes in ${path}`)
      return new Uint8Array(buffer.subarray(0, size))
    } finally {
      await file.close()
    }
  },
  async write(path, bytes) {
    // For writing alone: the kernel refuses to open `inblob` for reading.
    const file = await open(path, constants.O_WRONLY)
    try {
      const { bytesWritten } = await file.write(bytes)
      if (bytesWritten !== bytes.length) throw new Error(`${bytesWritten} bytes of ${bytes.length} written`)
    } finally {
      await file.close()
    }
  },
}

function beforeDeadline<T>(work: Promise<T>, deadline: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  deadline.addEventListener('abort', () => reject(failed('it does not answer')), { once: true })
  return Promise.race([work, promise])
}

function failed(reason: string, cause?: unknown): ReturnType<typeof unavailable> {
  return unavailable('configfs-tsm', reason, cause)
}
