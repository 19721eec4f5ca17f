import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, readFile, rm, stat, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CliError } from '../errors.ts'
import { badAnswer, unavailable } from './errors.ts'
import { type Reply, request } from './request.ts'
import type { Source } from './source.ts'

export type FetchOptions = {
  /** Where what has come is kept, until all has. */
  folder: string
  /** Expected digest, 64 hex digits in lower case. */
  sha256: string | undefined
  maxBytes: number
  onProgress: (done: number, total: number | undefined) => void
  /** A line for people. */
  say: (text: string) => void
  signal: AbortSignal
  /** Longest silence of a server. */
  stallMs?: number
  /** Wait before the n-th attempt in a row that brought nothing. */
  waitMs?: (attempt: number) => number
}

export type Fetched = { path: string; sha256: string; size: number; expected: string | undefined }

/** What is known of a part on disk: of which version of the file, by its strong validator, and how long that is. */
type Note = { url: string; etag: string; total: number }

const ATTEMPTS = 5

/**
 * Brings a file onto this disk, at `path`, for the caller to move or remove. What had come before a break, a stop or an error of
 * the network is kept, and the next attempt, or the next call, asks for the rest of the same version (RFC 9110, 13.1.5 and 14.2).
 * @throws CliError service-unavailable, service-bad-answer, interrupted, state-unusable
 */
export async function fetchModel(source: Source & { type: 'url' }, options: FetchOptions): Promise<Fetched> {
  await mkdir(options.folder, { recursive: true })
  const part = partOf(source.url, options.folder)
  for (let failures = 0; ; ) {
    const before = await sizeOf(part.path)
    try {
      const expected = await fetchRest(source, part, options)
      return await checked(source.url, part, expected, options)
    } catch (error) {
      if (options.signal.aborted) throw interrupted(source.url, await sizeOf(part.path))
      if (!(error instanceof CliError && error.code === 'service-unavailable')) throw error
      failures = (await sizeOf(part.path)) > before ? 1 : failures + 1
      if (failures >= ATTEMPTS) throw error
      options.say(`${error.message}: ${error.why}; asked again`)
      await sleep((options.waitMs ?? (n => 1000 * 2 ** n))(failures), undefined, {
        signal: options.signal,
      }).catch(() => {})
    }
  }
}

type Part = { path: string; note: string }

function partOf(url: string, folder: string): Part {
  const name = createHash('sha256').update(url).digest('hex').slice(0, 32)
  return { path: join(folder, `${name}.part`), note: join(folder, `${name}.json`) }
}

/** One request, and what it brings, behind what is there. Returns the digest that the file must have, where one is known. */
async function fetchRest(
  source: Source & { type: 'url' },
  part: Part,
  options: FetchOptions,
): Promise<string | undefined> {
  const note = await readNote(part, source.url)
  const have = note ? await sizeOf(part.path) : 0
  const resume = note && have > 0 ? { at: have, etag: note.etag } : undefined
  const reply = await request(source, { ...options, resume })
  try {
    const expected = expectedDigest(source.url, reply, options.sha256)
    const place = placeOf(source.url, reply, note, have, expected)
    await checkSize(source.url, place, options)
    if (place.start === 0)
      await begin(source.url, part, reply, place.total, have > 0 ? options.say : () => {})
    await append(source.url, part.path, reply, place, options)
    return expected
  } catch (error) {
    reply.cancel()
    // Going on from there would end in the same way.
    if (error instanceof WrongPart) await remove(part)
    throw error instanceof WrongPart ? badAnswer(source.url, error.message) : error
  }
}

/** The answer does not fit what came before, or itself. */
class WrongPart extends Error {}

type Place = { start: number; total: number | undefined }

async function checkSize(
  url: string,
  { start, total }: Place,
  { maxBytes, folder }: FetchOptions,
): Promise<void> {
  if (total === undefined) return
  if (total > maxBytes) throw badAnswer(url, `the file has ${total} bytes, and at most ${maxBytes} are taken`)
  const { bavail, bsize } = await statfs(folder)
  if (bavail * bsize >= total - start) return
  throw new CliError('state-unusable', {
    what: `${folder} has no room for the model`,
    why: `it takes ${total - start} bytes more, and ${bavail * bsize} are free`,
    fix: 'make room, or name another folder with --state',
  })
}

async function begin(
  url: string,
  part: Part,
  { etag }: Reply,
  total: number | undefined,
  say: (text: string) => void,
): Promise<void> {
  say('the server begins again: the file has changed, or it sends no parts')
  await remove(part)
  if (etag !== undefined && total !== undefined)
    await writeFile(part.note, JSON.stringify({ url, etag, total }))
}

/** Where the body belongs, and how long the file is. What contradicts itself, or what came before, is no answer. */
function placeOf(
  url: string,
  { status, length, range, etag, linkedSize }: Reply,
  note: Note | undefined,
  have: number,
  expected: string | undefined,
): Place {
  if (status === 416 && note && have === note.total) return { start: have, total: have }
  if (status === 206) {
    const isRest =
      note !== undefined && range !== undefined && range.start === have && range.total === note.total
    const isWhole =
      isRest && range.end === range.total - 1 && (length === undefined || length === range.total - have)
    if (isWhole && (etag === undefined || etag === note.etag)) return { start: have, total: note.total }
    throw new WrongPart('it sends another part, or a part of another version, than was asked for')
  }
  if (status !== 200) throw badAnswer(url, `status ${status}`)
  if (length !== undefined && linkedSize !== undefined && length !== linkedSize)
    throw badAnswer(url, `it sends ${length} bytes of a file that has ${linkedSize}`)
  const total = length ?? linkedSize
  if (total === undefined && expected === undefined)
    throw badAnswer(
      url,
      'it does not say how long the file is, so that a cut one could not be told',
      '--sha256 makes that unnecessary',
    )
  return { start: 0, total }
}

async function append(
  url: string,
  path: string,
  { body }: Reply,
  { start, total }: Place,
  { maxBytes, onProgress }: FetchOptions,
): Promise<void> {
  const file = await open(path, start === 0 ? 'w' : 'r+')
  let size = start
  try {
    await file.truncate(start)
    for await (const chunk of body) {
      if (size + chunk.length > (total ?? maxBytes))
        throw new WrongPart(`it sends more than ${total ?? maxBytes} bytes`)
      for (let at = 0; at < chunk.length; )
        at += (await file.write(chunk, at, chunk.length - at, size + at)).bytesWritten
      size += chunk.length
      onProgress(size, total)
    }
    await file.sync()
  } finally {
    await file.close()
  }
  if (total !== undefined && size < total)
    throw unavailable(url, `it broke off after ${size} of ${total} bytes`)
}

/** The digest of the whole file as it lies on the disk; one with another is removed. */
async function checked(
  url: string,
  part: Part,
  expected: string | undefined,
  { signal }: FetchOptions,
): Promise<Fetched> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(part.path, { signal })) hash.update(chunk)
  const sha256 = hash.digest('hex')
  if (expected !== undefined && expected !== sha256) {
    await remove(part)
    throw badAnswer(url, `its SHA-256 is ${sha256}, and ${expected} was expected; what came is removed`)
  }
  await rm(part.note, { force: true })
  return { path: part.path, sha256, size: await sizeOf(part.path), expected }
}

/** The caller's, and the hub's word for its files; they must not differ. */
function expectedDigest(
  url: string,
  { linkedDigest }: Reply,
  wanted: string | undefined,
): string | undefined {
  if (wanted === undefined || linkedDigest === undefined || wanted === linkedDigest)
    return wanted ?? linkedDigest
  throw badAnswer(url, `the hub says that the file has SHA-256 ${linkedDigest}, and ${wanted} was expected`)
}

async function readNote({ note }: Part, url: string): Promise<Note | undefined> {
  try {
    const { url: of, etag, total } = JSON.parse(await readFile(note, 'utf8'))
    const isOurs = of === url && typeof etag === 'string' && Number.isSafeInteger(total)
    return isOurs ? { url, etag, total } : undefined
  } catch {
    return undefined
  }
}

async function remove({ path, note }: Part): Promise<void> {
  await rm(note, { force: true })
  await rm(path, { force: true })
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0
}

function interrupted(url: string, have: number): CliError {
  return new CliError('interrupted', {
    what: `stopped fetching ${url}`,
    why: `${have} bytes of it are kept`,
    fix: 'the same command goes on from there',
  })
}
