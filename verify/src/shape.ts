import { fromHex, type Hex } from './bytes.ts'
import { messageOf, NacreError } from './errors.ts'

/**
 * Parsers of untrusted JSON values. Each takes a value and its path, returns the typed value or throws NacreError
 * wrong-type, missing-field, unknown-field or too-large, naming the path.
 */
export type Parser<T> = (value: unknown, path: string) => T
type Parsers<T> = { [K in keyof T]: Parser<T[K]> }

/** An object with exactly the fields of `required`, and any of `optional`. */
export function objectOf<R extends object, O extends object = Record<never, never>>(
  required: Parsers<R>,
  optional: Parsers<O> = {} as Parsers<O>,
): Parser<R & Partial<O>> {
  const fields: Record<string, Parser<unknown>> = { ...required, ...optional }
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw wrongType(path, 'an object')
    const missing = Object.keys(required).find(field => !Object.hasOwn(value, field))
    if (missing !== undefined) throw new NacreError('missing-field', `${path}.${missing} is missing`)
    const entries = Object.entries(value).map(([field, item]) => {
      const parse = Object.hasOwn(fields, field) ? fields[field] : undefined
      if (!parse) throw new NacreError('unknown-field', `${path}.${field.slice(0, 64)} is not a known field`)
      return [field, parse(item, `${path}.${field}`)]
    })
    return Object.fromEntries(entries)
  }
}

export function arrayOf<T>(item: Parser<T>, maxLength: number): Parser<T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw wrongType(path, 'an array')
    if (value.length > maxLength)
      throw new NacreError('too-large', `${path} has more than ${maxLength} entries`)
    return value.map((entry, i) => item(entry, `${path}[${i}]`))
  }
}

/** Lower-case 0x hex of a number of bytes, or of at most `max` bytes. */
export function hexOf(size: number | { max: number }): Parser<Hex> {
  return (value, path) => {
    if (typeof value !== 'string') throw wrongType(path, 'lower-case 0x hex')
    if (typeof size === 'object' && value.length > 2 + 2 * size.max) {
      throw new NacreError('too-large', `${path} is longer than ${size.max} bytes`)
    }
    if (typeof size === 'number') requireHex(value, path, size)
    // Long ones are searched, not decoded: their bytes are read later, once.
    else if (value.length % 2 !== 0 || !value.startsWith('0x') || /[^0-9a-f]/.test(value.slice(2))) {
      throw wrongType(path, 'lower-case 0x hex')
    }
    return value as Hex
  }
}

function requireHex(value: string, path: string, size: number): void {
  try {
    fromHex(value, size)
  } catch (cause) {
    throw new NacreError('wrong-type', `${path}: ${messageOf(cause)}`, { cause })
  }
}

/** Well-formed text of 1 to `max` UTF-16 units. */
export function textOf(max: number): Parser<string> {
  return (value, path) => {
    if (typeof value !== 'string' || value === '' || !value.isWellFormed()) throw wrongType(path, 'a text')
    if (value.length > max) throw new NacreError('too-large', `${path} is longer than ${max} characters`)
    return value
  }
}

export function integerOf(min: number, max: number): Parser<number> {
  return (value, path) => {
    if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max)
      return value as number
    throw wrongType(path, `a whole number from ${min} to ${max}`)
  }
}

/** An amount: a decimal string without leading zeros, below 2^bits. */
export function amountOf(bits: number): Parser<bigint> {
  return (value, path) => {
    const decimal = typeof value === 'string' && value.length < 80 && /^(0|[1-9][0-9]*)$/.test(value)
    const amount = decimal ? BigInt(value) : -1n
    if (amount < 0n || amount >> BigInt(bits) !== 0n)
      throw wrongType(path, `a decimal string below 2^${bits}`)
    return amount
  }
}

/** A count: a number up to 2^53 - 1, and beyond that a decimal string; see `countToJson`. */
export function countOf(bits: number): Parser<bigint> {
  const amount = amountOf(bits)
  return (value, path) => {
    if (Number.isSafeInteger(value) && (value as number) >= 0) return BigInt(value as number)
    const count = typeof value === 'string' ? amount(value, path) : 0n
    if (count > BigInt(Number.MAX_SAFE_INTEGER)) return count
    throw wrongType(path, `a whole number below 2^${bits}, as a string only beyond 2^53 - 1`)
  }
}

export function countToJson(count: bigint): number | string {
  return count <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(count) : count.toString()
}

export function oneOf<T extends string>(...choices: readonly T[]): Parser<T> {
  return (value, path) => {
    const choice = choices.find(known => known === value)
    if (choice === undefined) throw wrongType(path, choices.map(known => `"${known}"`).join(' or '))
    return choice
  }
}

/** One of the versions that this build knows. @throws NacreError unsupported-version */
export function versionOf<V extends number>(...versions: readonly V[]): Parser<V> {
  return (value, path) => {
    const version = versions.find(known => known === value)
    if (version !== undefined) return version
    // Only a number is told: what else an untrusted value is, its text could be endless or throw.
    const found = typeof value === 'number' ? value : `a ${typeof value}`
    throw new NacreError('unsupported-version', `${path} is ${found}, known: ${versions.join(', ')}`)
  }
}

/** @throws NacreError too-large, invalid-json */
export function parseJson(json: string, maxLength: number, what: string): unknown {
  if (json.length > maxLength)
    throw new NacreError('too-large', `${what} is longer than ${maxLength} characters`)
  try {
    return JSON.parse(json)
  } catch (cause) {
    throw new NacreError('invalid-json', `${what} is not JSON: ${messageOf(cause)}`, { cause })
  }
}

function wrongType(path: string, expected: string): NacreError {
  return new NacreError('wrong-type', `${path} must be ${expected}`)
}
