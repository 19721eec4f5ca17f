import { statSync } from 'node:fs'
import { measureEif, measurementOfEif, toHex, verifyEifSignature } from '@nacre/verify'
import { buildImage } from '../dev/image.ts'
import { printChecks } from '../dev/report.ts'
import { CliError, EXIT } from '../errors.ts'
import { nodeCrypto, nodeHashes } from '../nodeCrypto.ts'
import { type Output, plain } from '../output.ts'
import { checkFolder } from './checkFolder.ts'
import { checkRelease } from './checkRelease.ts'
import { isRelease, readEif, readFolder } from './folder.ts'
import { type EvidenceOptions, measureEvidence } from './measureEvidence.ts'
import { printMeasurements, toldOf } from './measurements.ts'
import { describe, type PublisherOption, printFiles, publisherOf } from './show.ts'

export type MeasureOptions = PublisherOption & Partial<EvidenceOptions>

/**
 * `nacre release measure`: of an image file its registers; of a folder every file against the manifest; of evidence the
 * digest that a release lists. Without an argument the image of these sources is built first.
 */
export async function measure(
  path: string | undefined,
  options: MeasureOptions,
  output: Output,
): Promise<number> {
  const { evidence, ...others } = options
  if (evidence === undefined)
    return path === undefined || isFolder(path)
      ? measureFolder(path, options, output)
      : measureFile(path, output)
  if (path !== undefined) throw twoThings()
  return measureEvidence({ ...others, evidence }, output)
}

async function measureFolder(
  path: string | undefined,
  options: PublisherOption,
  output: Output,
): Promise<number> {
  const publisher = publisherOf(options)
  const folder = path === undefined ? readFolder((await buildImage()).dir) : readFolder(path)
  const facts = describe(folder, publisher, output)
  if (!isRelease(folder)) printFiles(folder.manifest, output)
  const checks = isRelease(folder) ? checkRelease(folder) : checkFolder(folder)
  printChecks(output, checks)
  const ok = checks.every(check => check.ok)
  output.result({ ...facts, files: folder.manifest.files, ok, checks })
  return ok ? EXIT.ok : EXIT.checkFailed
}

/** Its registers, and the digests of them: on Nitro, and on a machine that stands for it. */
function measureFile(path: string, output: Output): number {
  const { bytes, eif } = readEif(path)
  const measured = measureEif(eif, { hashes: nodeHashes })
  const pcrs = Object.fromEntries(Object.entries(measured).map(([name, value]) => [name, toHex(value)]))
  output.line(`${plain(path)}  ${bytes.length} bytes, ${eif.ramdisks.length} ramdisks`)
  for (const [name, value] of Object.entries(pcrs)) output.line(`${name.padEnd(6)} ${value}`)
  const nitro = measurementOfEif(measured)
  const measurements = [toldOf(nitro), toldOf({ ...nitro, kind: 'simulated' })]
  printMeasurements(output, measurements)
  // Throws where it does not hold: nobody could boot it on Nitro.
  if (eif.signature) verifyEifSignature(eif, { crypto: nodeCrypto, hashes: nodeHashes })
  output.result({
    file: path,
    bytes: bytes.length,
    ...pcrs,
    signed: eif.signature !== undefined,
    measurements,
  })
  return EXIT.ok
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

function twoThings(): CliError {
  return new CliError('usage', {
    what: 'an image and evidence are given',
    why: 'each has measurements of its own',
    fix: 'measure one of them at a time',
  })
}
