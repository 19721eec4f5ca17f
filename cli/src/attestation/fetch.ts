import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { utf8 } from '@nacre/verify'
import { iso } from '@nacre/verify/attest/certificate'
import { CliError, EXIT } from '../errors.ts'
import { bold, type Output, plain, yellow } from '../output.ts'
import { now } from '../time.ts'
import { badAnswer, download } from './download.ts'
import { EXPIRY_FILE, earliest, expiryOf, expiryOfFolder } from './expiry.ts'
import { recognise } from './explain.ts'
import { readEvidence } from './files.ts'
import { needsOf } from './needs.ts'
import { MAX_ANSWER, type Needs, type Services, VENDORS, type Wanted } from './services.ts'
import { parseTee } from './verify.ts'

export type FetchOptions = {
  out: string
  tee?: string
  product?: string
  intel?: string
  intelRoot?: string
  amd?: string
  /** Seconds. */
  timeout?: string
}

/** A file that was written; `expires` in ISO 8601. */
type Fetched = { file: string; what: string; url: string; expires: string }
type Got = Fetched & { bytes: Uint8Array }
type Say = (text: string) => void

const DEFAULT_TIMEOUT = '30'

/**
 * `nacre attestation collateral fetch FILE... --out DIR`: gets what evidence needs of its vendor. Nothing that comes is
 * trusted, for `verify` checks it; and nothing is written before all of it has come and can be read.
 */
export async function fetchCollateral(
  files: string[],
  options: FetchOptions,
  output: Output,
  say: Say = text => void process.stderr.write(`${plain(text)}\n`),
): Promise<number> {
  const timeoutMs = 1000 * secondsOf(options.timeout ?? DEFAULT_TIMEOUT)
  const services = servicesOf(options)
  const needs = files.map(file => needsOfFile(file, options, services))
  const wanted = new Map(needs.flatMap(({ wanted }) => wanted.map(one => [one.url, one] as const)))
  const missing = [...new Set(needs.flatMap(({ missing }) => missing))]
  const got: Got[] = []
  for (const one of wanted.values()) add(got, await ask(one, timeoutMs, say))
  writeAll(options.out, got)
  const written = got.map(({ bytes, ...fetched }) => fetched)
  print(output, options.out, written, missing)
  output.result({ folder: options.out, expires: earliestOf(written), files: written, missing })
  return EXIT.ok
}

function needsOfFile(file: string, { tee, product }: FetchOptions, services: Services): Needs {
  const named = tee === undefined ? undefined : parseTee(tee)
  try {
    const evidence = readEvidence(file)
    const kind = named ?? recognise(evidence)
    if (!kind) throw new Error('it begins as none that is known')
    return needsOf(kind, evidence, services, product)
  } catch (error) {
    throw new CliError('bad-file', {
      what: `${file} does not tell what collateral it needs`,
      why: error instanceof Error ? error.message : String(error),
      fix: 'give a TDX or SGX quote, a bundle of dstack or an SEV-SNP report, raw, in hex or in base64; --tee says which',
    })
  }
}

async function ask({ url, what, read }: Wanted, timeoutMs: number, say: Say): Promise<Got[]> {
  say(`${what}: ${url}`)
  const answer = await download(url, { what, timeoutMs, maxBytes: MAX_ANSWER, say })
  try {
    const files = Object.entries(read(answer))
    return files.map(([file, bytes]) => ({ file, what, url, expires: iso(expiryOf(file, bytes)), bytes }))
  } catch (error) {
    throw badAnswer(url, `it is no ${what}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Two answers may bring the same chain of certificates; other ones under its name go behind it. */
function add(got: Got[], files: Got[]): void {
  for (const file of files) {
    const same = got.find(other => other.file === file.file)
    if (!same) got.push(file)
    else if (!Buffer.from(same.bytes).includes(Buffer.from(file.bytes))) {
      same.bytes = new Uint8Array(Buffer.concat([same.bytes, file.bytes]))
      same.expires = earliest([same.expires, file.expires])
    }
  }
}

/** Each file is whole or as it was before: it is written beside, in a folder that nobody reads, and then moved. */
function writeAll(folder: string, got: readonly Got[]): void {
  mkdirSync(folder, { recursive: true })
  const drafts = mkdtempSync(join(folder, '.fetch-'))
  const move = (file: string): void => renameSync(join(drafts, file), join(folder, file))
  try {
    for (const { file, bytes } of got) writeFileSync(join(drafts, file), bytes, { flush: true })
    for (const { file } of got) move(file)
    const expiry = JSON.stringify(expiryOfFolder(folder), undefined, 2)
    writeFileSync(join(drafts, EXPIRY_FILE), utf8(`${expiry}\n`), { flush: true })
    move(EXPIRY_FILE)
  } finally {
    rmSync(drafts, { recursive: true, force: true })
  }
}

function print(output: Output, folder: string, files: readonly Fetched[], missing: readonly string[]): void {
  for (const { file, expires } of files) output.line(`  ${file}  until ${expires}`)
  const expires = earliestOf(files)
  output.line(bold(`${files.length} files in ${plain(folder)}, the first expires at ${expires}`))
  if (expires < iso(now())) output.line(yellow('EXPIRED already: evidence as of now is not valid with it.'))
  for (const text of missing) output.line(yellow(`MISSING: ${text}`))
  output.line('Nothing of it is trusted yet: nacre attestation verify --collateral checks it.')
}

function earliestOf(files: readonly Fetched[]): string {
  return earliest(files.map(({ expires }) => expires))
}

function servicesOf(options: FetchOptions): Services {
  return {
    intel: baseOf('--intel', options.intel ?? VENDORS.intel),
    intelRoot: baseOf('--intel-root', options.intelRoot ?? options.intel ?? VENDORS.intelRoot),
    amd: baseOf('--amd', options.amd ?? VENDORS.amd),
  }
}

/** An address to which paths are appended. */
function baseOf(option: string, text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  const known = url?.protocol === 'https:' || url?.protocol === 'http:'
  if (url && known && url.username === '' && url.password === '' && url.search === '' && url.hash === '')
    return url.href.replace(/\/+$/, '')
  throw new CliError('bad-input', {
    what: `${option} ${text} is no address of a service`,
    why: 'it takes http or https, a host and at most a path',
    fix: `for example ${option} https://127.0.0.1:8081`,
  })
}

function secondsOf(text: string): number {
  const seconds = Number(text)
  if (/^\d+(\.\d+)?$/.test(text) && seconds > 0 && seconds <= 3600) return seconds
  throw new CliError('bad-input', {
    what: `--timeout ${text} is no time`,
    why: 'it takes seconds, more than 0 and at most 3600',
    fix: 'for example --timeout 60',
  })
}
