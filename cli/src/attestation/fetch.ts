import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CliError, EXIT } from '../errors.ts'
import { type Output, plain } from '../output.ts'
import { expiryOf } from './expiry.ts'
import { readEvidence } from './files.ts'
import { parseTee } from './verify.ts'
import { collateralOf, SERVICES, type Wanted } from './wanted.ts'

export type FetchOptions = { tee: string; out: string; intel?: string; intelRoot?: string; amd?: string }

/** A file as it lies in the folder; `expires` in ISO 8601. */
export type Fetched = { name: string; url: string; expires: string; bytes: number }

const MAX_ANSWER = 1_048_576
const TIMEOUT_MS = 30_000

/**
 * `nacre attestation collateral fetch FILE...`: what verifying these needs, from the vendors' services, into a folder.
 * What comes is not trusted: whoever verifies with it checks every signature.
 */
export async function fetchCollateral(
  files: string[],
  options: FetchOptions,
  output: Output,
): Promise<number> {
  const wanted = new Map(files.flatMap(file => wantedOf(file, options)).map(one => [one.url, one]))
  mkdirSync(options.out, { recursive: true })
  const fetched: Fetched[] = []
  for (const one of wanted.values()) fetched.push(...(await fetchOne(one, options.out)))
  for (const { name, expires } of fetched)
    output.line(`${plain(name).padEnd(44)} good until ${plain(expires)}`)
  const [expires] = fetched.map(one => one.expires).sort((a, b) => Date.parse(a) - Date.parse(b))
  output.line(`Use it with --collateral ${options.out}; fetch it again before ${expires}.`)
  output.result({ folder: options.out, expires, files: fetched })
  return EXIT.ok
}

function wantedOf(file: string, options: FetchOptions): Wanted[] {
  const services = {
    intel: options.intel ?? SERVICES.intel,
    intelRoot: options.intelRoot ?? options.intel ?? SERVICES.intelRoot,
    amd: options.amd ?? SERVICES.amd,
  }
  const tee = parseTee(options.tee)
  try {
    return collateralOf(tee, readEvidence(file), services)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new CliError('bad-file', {
      what: `what ${file} needs cannot be told`,
      why,
      fix: 'give a quote of Intel, a bundle of dstack, or a report of AMD of version 3 or later',
    })
  }
}

async function fetchOne({ name, url, chain }: Wanted, folder: string): Promise<Fetched[]> {
  const { bytes, headers } = await get(url)
  const files: [string, Uint8Array][] = [[name, bytes]]
  // The chain comes percent-encoded.
  if (chain) files.push([chain.name, Buffer.from(decodeURIComponent(headers.get(chain.header) ?? ''))])
  return files.map(([name, bytes]) => {
    const expires = attempt(url, () => expiryOf(name, bytes))
    const path = join(folder, name)
    // Whole before or after: who verifies meanwhile reads no half of a file.
    writeFileSync(`${path}.new`, bytes)
    renameSync(`${path}.new`, path)
    return { name, url, expires, bytes: bytes.length }
  })
}

async function get(url: string): Promise<{ bytes: Uint8Array; headers: Headers }> {
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) }).catch(error => {
    throw unavailable(url, error instanceof Error ? error.message : String(error))
  })
  if (!response.ok) throw unavailable(url, `it answers ${response.status}`)
  const bytes = await readBounded(response, url)
  return { bytes, headers: response.headers }
}

async function readBounded(response: Response, url: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > MAX_ANSWER) throw unavailable(url, `its answer has more than ${MAX_ANSWER} bytes`)
    chunks.push(chunk)
  }
  return new Uint8Array(Buffer.concat(chunks))
}

function attempt<T>(url: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw unavailable(
      url,
      `its answer is not what was asked for: ${error instanceof Error ? error.message : error}`,
    )
  }
}

function unavailable(url: string, why: string): CliError {
  const what = `collateral cannot be fetched from ${url}`
  return new CliError('not-running', {
    what,
    why,
    fix: 'check the network and the address, then fetch again',
  })
}
