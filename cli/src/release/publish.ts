import { type Hex, manifestHash, measurementsOf, releaseId, TEE_KIND, type TeeKind } from '@nacre/verify'
import { CliError, EXIT } from '../errors.ts'
import type { Subject } from '../operator/facts.ts'
import { carryOut, type Plan, type PlanOptions } from '../operator/plan.ts'
import type { Output } from '../output.ts'
import {
  callOf,
  costOf,
  missingOf,
  type PublisherOptions,
  publisherSettings,
  readRelease,
  releasesOf,
} from './chain.ts'
import { checkFolder } from './checkFolder.ts'
import { checkRelease } from './checkRelease.ts'
import { type Folder, isRelease, readFolder } from './folder.ts'
import { type Listing, parseListing, toldOf } from './measurements.ts'

export type PublishOptions = PublisherOptions & PlanOptions & { measurement?: string[] }

/** Where simulated evidence counts. */
const DEVELOPMENT_CHAIN = 31_337

/**
 * `nacre release publish DIR`: lists the release under the account, with what evidence of it may measure. What is listed
 * already is not sent again; what is missing of its measurements is added.
 */
export async function publish(dir: string, options: PublishOptions, output: Output): Promise<number> {
  const folder = wholeFolder(dir)
  const given = (options.measurement ?? []).map(parseListing)
  const settings = await publisherSettings(options)
  const { chainId } = settings.contracts
  const listings = listingsOf(folder, given, chainId)
  const hash = manifestHash(folder.manifest)
  const done = await carryOut(settings, options, output, subject => plan(subject, hash, listings))
  const id = releaseId(done.account, hash)
  output.line(`Release ${id}, manifest ${hash}`)
  output.result({ ...done, release_id: id, manifest_hash: hash, measurements: listings })
  return EXIT.ok
}

async function plan(subject: Subject, hash: Hex, listings: readonly Listing[]): Promise<Plan> {
  const id = releaseId(subject.account, hash)
  const releases = await releasesOf(subject)
  const { listed, revoked } = await readRelease(subject, releases, id)
  if (revoked) throw isRevoked(id)
  const missing = await missingOf(subject, { releases, id, kinds: TEE_KIND }, listings)
  const role = 'Publisher'
  const already = [
    ...(listed ? [`release ${id} is listed`] : []),
    ...listings.filter(one => !missing.includes(one)).map(one => `its measurement ${wordsOf(one)} is listed`),
  ]
  if (missing.length === 0) return { role, steps: [], already }
  const what = `${listed ? 'add' : `list release ${id} with`} ${missing.map(wordsOf).join(', ')}`
  const added = missing.map(({ kind, digest }) => ({ kind: TEE_KIND[kind], digest }))
  const call = listed ? callOf(releases, 'measure', [id, added]) : callOf(releases, 'list', [hash, added])
  const notes = [
    'what is listed stays so: only the whole release can be revoked',
    await costOf(subject, call),
  ]
  return { role, steps: [{ what, call }], already, notes }
}

const wordsOf = ({ kind, digest }: Listing): string => `${kind} ${digest}`

/** Each once; simulated ones only where the contracts take such evidence. */
function listingsOf({ manifest }: Folder, given: readonly Listing[], chainId: number): Listing[] {
  const counts = ({ kind }: { kind: TeeKind }): boolean =>
    kind !== 'simulated' || chainId === DEVELOPMENT_CHAIN
  const own = measurementsOf(manifest).filter(counts).map(toldOf)
  if (!given.every(counts))
    throw nothingCounts(chainId, 'a simulated measurement is given', 'leave that --measurement out')
  const listings = new Map(
    [...own, ...given].map(({ kind, digest }) => [`${kind} ${digest}`, { kind, digest }]),
  )
  if (listings.size > 0) return [...listings.values()]
  const fix = 'build a release that is booted: nacre release build --engine onnx --out DIR'
  throw nothingCounts(chainId, 'this image is measured by a simulated security module alone', fix)
}

function nothingCounts(chainId: number, why: string, fix: string): CliError {
  return new CliError('bad-input', {
    what: `that is not listed on chain ${chainId}`,
    why: `${why}, and such evidence counts on ${DEVELOPMENT_CHAIN} only`,
    fix,
  })
}

/** Nobody could run what is listed otherwise. */
function wholeFolder(dir: string): Folder {
  const folder = readFolder(dir)
  const checks = isRelease(folder) ? checkRelease(folder) : checkFolder(folder)
  const failed = checks.find(check => !check.ok)
  if (failed === undefined) return folder
  throw new CliError('bad-file', {
    what: `${dir} is not what its manifest says`,
    why: `${failed.name}: ${failed.detail}`,
    fix: `nacre release measure ${dir} tells all of it; build it again: nacre release build`,
  })
}

function isRevoked(id: Hex): CliError {
  return new CliError('bad-input', {
    what: `release ${id} is revoked`,
    why: 'that is for ever, so nothing can be added to it',
    fix: 'publish another build, or publish from another account',
  })
}
