import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir, tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import lock from '../../debian.lock.json' with { type: 'json' }

/** A package of Debian by its digest; `path` is below a mirror's root. */
export type DebianPackage = { name: string; version: string; path: string; size: number; sha256: string }

export const DEBIAN_PACKAGES: readonly DebianPackage[] = lock

/** What mirrors drop, the archive of all that Debian ever shipped keeps. */
const mirrors = (): string[] => [
  process.env.NACRE_DEBIAN_MIRROR ?? 'http://deb.debian.org/debian',
  'https://snapshot.debian.org/archive/debian/20261101T000000Z',
]
const DOWNLOAD_MS = 300_000
const run = promisify(execFile)

export const CACHE_DIR: string = join(
  process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'),
  'nacre',
  'debian',
)

export type FetchOptions = {
  cacheDir?: string
  onProgress?: (text: string) => void
  /** Asked in this order; by default the one in NACRE_DEBIAN_MIRROR or Debian's, then its archive. */
  mirrors?: readonly string[]
  /** Longest time for one package from one mirror. */
  deadlineMs?: number
}

/** The bytes of a package: from the folder of earlier downloads, or from a mirror. Whatever they come from, they have its digest. */
export async function fetchPackage(
  wanted: DebianPackage,
  { cacheDir = CACHE_DIR, onProgress = () => {}, ...from }: FetchOptions,
): Promise<Uint8Array> {
  const file = join(cacheDir, basename(wanted.path))
  const kept = await readFile(file).catch(() => undefined)
  if (kept && digestOf(kept) === wanted.sha256) return kept
  const failures: string[] = []
  for (const mirror of from.mirrors ?? mirrors()) {
    try {
      onProgress(`downloading ${wanted.name} ${wanted.version}, ${(wanted.size / 1e6).toFixed(1)} MB`)
      const bytes = await download(`${mirror}/${wanted.path}`, wanted, from.deadlineMs ?? DOWNLOAD_MS)
      await keep(file, bytes)
      return bytes
    } catch (error) {
      failures.push(`${mirror}: ${error instanceof Error ? (error.cause ?? error.message) : error}`)
    }
  }
  throw new Error(
    `${wanted.name} ${wanted.version} is not to be had: ${failures.join('; ')}. ` +
      `Put ${basename(wanted.path)} (SHA-256 ${wanted.sha256}) into ${cacheDir}, or name a mirror in NACRE_DEBIAN_MIRROR.`,
  )
}

async function download(
  url: string,
  { size, sha256 }: DebianPackage,
  deadlineMs: number,
): Promise<Uint8Array> {
  const response = await fetch(url, { signal: AbortSignal.timeout(deadlineMs) })
  if (!response.ok || !response.body) throw new Error(`status ${response.status}`)
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of response.body) {
    length += part.length
    if (length > size) throw new Error(`more than ${size} bytes`)
    parts.push(part)
  }
  const bytes = Buffer.concat(parts)
  if (digestOf(bytes) !== sha256) throw new Error(`other bytes than those of SHA-256 ${sha256}`)
  return bytes
}

async function keep(file: string, bytes: Uint8Array): Promise<void> {
  await mkdir(join(file, '..'), { recursive: true })
  const draft = `${file}.${process.pid}.new`
  await writeFile(draft, bytes)
  await rename(draft, file)
}

/**
 * Files of a package (deb(5): an ar archive with data.tar.xz), by their paths in it. Needs tar and xz; what they write
 * is the same whatever their version.
 */
export async function unpackPackage(deb: Uint8Array, paths: string[]): Promise<Map<string, Uint8Array>> {
  const dir = await mkdtemp(join(tmpdir(), 'nacre-deb-'))
  try {
    const archive = join(dir, 'data.tar.xz')
    await writeFile(archive, memberOf(deb, 'data.tar.xz'))
    await run('tar', ['-xJf', archive, '-C', dir, ...paths.map(path => `./${path}`)]).catch(explain)
    const contents = paths.map(
      async (path): Promise<[string, Uint8Array]> => [path, await readFile(join(dir, path))],
    )
    return new Map(await Promise.all(contents))
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

/** The bytes of an xz file. */
export async function unxz(bytes: Uint8Array): Promise<Uint8Array> {
  const work = run('xz', ['-dc'], { encoding: 'buffer', maxBuffer: 2 ** 26 })
  work.child.stdin?.end(bytes)
  return (await work.catch(explain)).stdout
}

function explain(error: NodeJS.ErrnoException & { stderr?: unknown; path?: string }): never {
  if (error.code === 'ENOENT')
    throw new Error(`${error.path} is not installed: apt-get install tar xz-utils`, { cause: error })
  throw new Error(`a package cannot be unpacked: ${String(error.stderr ?? error.message).trim()}`, {
    cause: error,
  })
}

const AR_MAGIC = '!<arch>\n'
const AR_HEADER = 60

/** A member of an ar archive: 16 bytes of name, 10 of size at 48, content filled up to two bytes. */
function memberOf(archive: Uint8Array, wanted: string): Uint8Array {
  const bytes = Buffer.from(archive.buffer, archive.byteOffset, archive.length)
  if (bytes.toString('latin1', 0, AR_MAGIC.length) !== AR_MAGIC) throw new Error('not a package of Debian')
  for (let at = AR_MAGIC.length; at + AR_HEADER <= bytes.length; ) {
    const name = bytes
      .toString('latin1', at, at + 16)
      .trim()
      .replace(/\/$/, '')
    const size = Number(bytes.toString('latin1', at + 48, at + 58))
    if (!Number.isSafeInteger(size) || size < 0) throw new Error('not a package of Debian')
    const content = at + AR_HEADER
    if (name === wanted) return bytes.subarray(content, content + size)
    at = content + size + (size % 2)
  }
  throw new Error(`a package without ${wanted}`)
}

function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
