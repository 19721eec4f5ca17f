import {
  fromHex,
  type Hex,
  type Manifest,
  manifestHash,
  measurementDigest,
  measurementsOf,
  releaseId,
  simulatedMeasurement,
  toHex,
} from '@nacre/verify'
import { IMAGE_DIR } from '../dev/image.ts'
import { ACCOUNTS } from '../dev/settings.ts'
import { CliError, EXIT } from '../errors.ts'
import { type Output, plain } from '../output.ts'
import { table } from '../table.ts'
import { type Folder, isRelease, readFolder } from './folder.ts'
import { printMeasurements, toldOf } from './measurements.ts'

export type PublisherOption = { publisher?: string }

/** `nacre release show`: the manifest as it is, without looking at the files. */
export async function show(
  dir: string | undefined,
  options: PublisherOption,
  output: Output,
): Promise<number> {
  const folder = readFolder(dir ?? IMAGE_DIR)
  const facts = describe(folder, publisherOf(options), output)
  printFiles(folder.manifest, output)
  output.result({ ...facts, files: folder.manifest.files })
  return EXIT.ok
}

/** What a manifest says of the whole, printed and as JSON. */
export function describe(folder: Folder, publisher: Hex, output: Output): object {
  const { dir, manifest } = folder
  const hash = manifestHash(manifest)
  const facts = {
    image: dir,
    name: manifest.name,
    engine: manifest.engine,
    publisher,
    releaseId: releaseId(publisher, hash),
    manifestHash: hash,
    ...(!isRelease(folder) && registersOf(manifest)),
  }
  for (const [name, value] of Object.entries(facts)) output.line(`${name.padEnd(18)} ${plain(value)}`)
  const measurements = measurementsOf(manifest).map(toldOf)
  if (isRelease(folder)) printMeasurements(output, measurements)
  return { ...facts, measurements }
}

export function printFiles({ files }: Manifest, output: Output): void {
  const rows = files.map(file => [plain(file.path), file.size, file.sha256])
  for (const line of table(['file', 'bytes', 'sha256'], rows)) output.line(line)
}

/** Of a folder the three registers are one. */
function registersOf(manifest: Manifest): { pcr0: Hex; measurementDigest: Hex } {
  const measurement = simulatedMeasurement(manifest)
  return { pcr0: toHex(measurement.registers[0]!), measurementDigest: measurementDigest(measurement) }
}

/** Without --publisher: the one of development networks. */
export function publisherOf(options: PublisherOption): Hex {
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
