import { fromHex } from '../bytes.ts'
import { NacreError } from '../errors.ts'
import { arrayOf, integerOf, objectOf, oneOf, type Parser, textOf } from '../shape.ts'

// What the JSON that Intel's provisioning certification service signs is made of.

/** The statuses of single levels of security versions; see `TCB_STATUSES` for those of a whole machine. */
export const LEVEL_STATUSES = [
  'UpToDate',
  'SWHardeningNeeded',
  'ConfigurationNeeded',
  'ConfigurationAndSWHardeningNeeded',
  'OutOfDate',
  'OutOfDateConfigurationNeeded',
  'Revoked',
] as const
export type LevelStatus = (typeof LEVEL_STATUSES)[number]

/** What Intel says of a security version: its status, and the advisories that concern it. */
export type Rating = { status: LevelStatus; advisories: string[] }
/** The rating of an enclave or module of at least this version. */
export type Level = Rating & { svn: number }

/**
 * An object with the fields of `required`, any of `optional`, and others that are passed over: Intel adds fields
 * within a version, and what is read here is signed.
 */
export function signedObjectOf<R extends object, O extends object = Record<never, never>>(
  required: { [K in keyof R]: Parser<R[K]> },
  optional: { [K in keyof O]: Parser<O[K]> } = {} as { [K in keyof O]: Parser<O[K]> },
): Parser<R & Partial<O>> {
  const parse = objectOf<R, O>(required, optional)
  const known = new Set([...Object.keys(required), ...Object.keys(optional)])
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return parse(value, path)
    return parse(Object.fromEntries(Object.entries(value).filter(([field]) => known.has(field))), path)
  }
}

/** An array of 1 to `max` entries. */
export function someOf<T>(item: Parser<T>, max: number): Parser<T[]> {
  const parse = arrayOf(item, max)
  return (value, path) => {
    const entries = parse(value, path)
    if (entries.length > 0) return entries
    throw new NacreError('wrong-type', `${path} must not be empty`)
  }
}

/** Bytes in hex of any case, without a prefix. */
export function plainHexOf(size: number): Parser<Uint8Array> {
  return (value, path) => {
    if (typeof value === 'string' && value.length === 2 * size && /^[0-9a-fA-F]*$/.test(value)) {
      return fromHex(`0x${value.toLowerCase()}`)
    }
    throw new NacreError('wrong-type', `${path} must be ${size} bytes of hex`)
  }
}

/** A time such as 2026-03-16T22:06:09Z, in seconds since 1970. */
export function timeOf(value: unknown, path: string): bigint {
  const text = typeof value === 'string' ? value : ''
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text) ? new Date(text).getTime() : Number.NaN
  if (Number.isFinite(time) && new Date(time).toISOString() === text.replace('Z', '.000Z'))
    return BigInt(time / 1000)
  throw new NacreError('wrong-type', `${path} must be a time such as 2026-03-16T22:06:09Z`)
}

/** The fields that every level has beside its versions. */
export const ratingFields: { tcbStatus: Parser<LevelStatus> } = { tcbStatus: oneOf(...LEVEL_STATUSES) }
export const advisoryField: { advisoryIDs: Parser<string[]> } = { advisoryIDs: arrayOf(textOf(64), 256) }

type WireLevel = { tcb: { isvsvn: number }; tcbStatus: LevelStatus; advisoryIDs?: string[] }

const wireLevel: Parser<WireLevel> = signedObjectOf(
  { tcb: signedObjectOf({ isvsvn: integerOf(0, 65_535) }), ...ratingFields },
  advisoryField,
)

/** Levels of an enclave or module, highest version first. */
export const levelsOf: Parser<Level[]> = (value, path) =>
  someOf(wireLevel, 64)(value, path)
    .map(({ tcb, tcbStatus, advisoryIDs = [] }) => ({
      svn: tcb.isvsvn,
      status: tcbStatus,
      advisories: advisoryIDs,
    }))
    .sort((a, b) => b.svn - a.svn)

/** The level of a version: the highest that it reaches, if any. */
export function levelOf(levels: readonly Level[], svn: number): Level | undefined {
  return levels.find(level => svn >= level.svn)
}
