import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  fromHex,
  type Hex,
  type Manifest,
  manifestHash,
  measurementDigest,
  releaseId,
  simulatedMeasurement,
  toHex,
} from '@nacre/verify'
import { buildImage, IMAGE_DIR, type Image, readImage } from '../dev/image.ts'
import { ACCOUNTS } from '../dev/settings.ts'
import { CliError, EXIT } from '../errors.ts'
import { green, type Output, plain, red } from '../output.ts'
import { table } from '../table.ts'

type Options = { publisher?: string }

/** `nacre release show`: the manifest as it is, without looking at the files. */
export async function show(dir: string | undefined, options: Options, output: Output): Promise<number> {
  const image = readImage(dir ?? IMAGE_DIR)
  output.result(describe(image, publisherOf(options), output))
  return EXIT.ok
}

/** `nacre release measure`: builds (unless a folder is given) and hashes every file against the manifest. */
export async function measure(dir: string | undefined, options: Options, output: Output): Promise<number> {
  const publisher = publisherOf(options)
  const image = dir === undefined ? await buildImage() : readImage(dir)
  const description = describe(image, publisher, output)
  const checks = image.manifest.files.map(file => checkFile(image.dir, file))
  for (const { name, ok, detail } of checks)
    output.line(`${ok ? green('ok  ') : red('FAIL')}  ${plain(name)}: ${plain(detail)}`)
  const ok = checks.every(check => check.ok)
  output.result({ ...description, ok, checks })
  return ok ? EXIT.ok : EXIT.checkFailed
}

function describe({ dir, manifest }: Image, publisher: Hex, output: Output): object {
  const hash = manifestHash(manifest)
  const facts = {
    image: dir,
    name: manifest.name,
    engine: manifest.engine,
    publisher,
    releaseId: releaseId(publisher, hash),
    manifestHash: hash,
    pcr0: toHex(simulatedMeasurement(manifest).registers[0]!),
    measurementDigest: measurementDigest(simulatedMeasurement(manifest)),
  }
  for (const [name, value] of Object.entries(facts)) output.line(`${name.padEnd(18)} ${plain(value)}`)
  const rows = manifest.files.map(file => [plain(file.path), file.size, file.sha256])
  for (const line of table(['file', 'bytes', 'sha256'], rows)) output.line(line)
  return { ...facts, files: manifest.files }
}

function checkFile(
  dir: string,
  file: Manifest['files'][number],
): { name: string; ok: boolean; detail: string } {
  try {
    const bytes = readFileSync(join(dir, file.path))
    const ok =
      bytes.length === file.size && toHex(createHash('sha256').update(bytes).digest()) === file.sha256
    return {
      name: file.path,
      ok,
      detail: ok ? 'as the manifest says' : 'not the file that the manifest names',
    }
  } catch (error) {
    return { name: file.path, ok: false, detail: error instanceof Error ? error.message : String(error) }
  }
}

/** Without --publisher: the one of development networks. */
function publisherOf(options: Options): Hex {
  const publisher = (options.publisher ?? ACCOUNTS.publisher.address).toLowerCase() as Hex
  try {
    fromHex(publisher, 20)
    return publisher
  } catch {
    throw new CliError('bad-input', {
      what: `${publisher} is not an address`,
      why: 'a publisher is 20 bytes in hex',
      fix: 'pass --publisher 0x and 40 hex digits',
    })
  }
}
