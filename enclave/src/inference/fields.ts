import { NacreError } from '@nacre/verify'
import { integerOf, type Parser } from '@nacre/verify/shape'
import { MAX_PAYLOAD } from '../limits.ts'
import { ApiError, apiErrorOf } from './apiErrors.ts'
import { EngineError } from './languageEngine.ts'

/** Parsers of parameters; one that a request leaves out, or has as null, is parsed as undefined. */
export type Taken<T> = { [K in keyof T]: Parser<T[K]> }

/** Parameters that are not implemented, with the values that change nothing: those are taken, as null is. */
export type Neutral = Record<string, readonly unknown[]>

/**
 * The parameters of a request.
 * @throws ApiError invalid_value, unknown_parameter, unsupported_parameter, which name the parameter
 */
export function readFields<T>(body: unknown, taken: Taken<T>, neutral: Neutral): T {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new ApiError('invalid_value', 'the body must be an object')
  const given = body as Record<string, unknown>
  for (const [name, value] of Object.entries(given)) checkKnown(name, value, taken, neutral)
  const parsed = Object.entries<Parser<unknown>>(taken as Record<string, Parser<unknown>>).map(
    ([name, parse]) => [name, readField(name, parse, Object.hasOwn(given, name) ? given[name] : undefined)],
  )
  return Object.fromEntries(parsed) as T
}

function checkKnown(name: string, value: unknown, taken: object, neutral: Neutral): void {
  if (Object.hasOwn(taken, name)) return
  const shown = name.slice(0, 64)
  const values = Object.hasOwn(neutral, name) ? neutral[name] : undefined
  if (!values) throw new ApiError('unknown_parameter', `unknown parameter: ${shown}`, shown)
  if (value === null || values.some(one => JSON.stringify(one) === JSON.stringify(value))) return
  throw unsupported(name, `${name} is not implemented here`)
}

function readField(name: string, parse: Parser<unknown>, value: unknown): unknown {
  try {
    return parse(value === null ? undefined : value, name)
  } catch (error) {
    if (error instanceof NacreError) throw new ApiError('invalid_value', error.message, name, error)
    if (error instanceof EngineError) throw apiErrorOf(error, name)
    throw error
  }
}

export function unsupported(param: string, message: string): ApiError {
  return new ApiError('unsupported_parameter', message, param)
}

export function wrong(param: string, message: string): ApiError {
  return new ApiError('invalid_value', message, param)
}

export function required<T>(parse: Parser<T>): Parser<T> {
  return (value, path) => {
    if (value === undefined) throw wrong(path, `${path} is missing`)
    return parse(value, path)
  }
}

export function optional<T>(parse: Parser<T>): Parser<T | undefined> {
  return (value, path) => (value === undefined ? undefined : parse(value, path))
}

export function withDefault<T>(parse: Parser<T>, value: T): Parser<T> {
  return (given, path) => (given === undefined ? value : parse(given, path))
}

/** Well-formed text, which may be empty. */
export const anyText: Parser<string> = (value, path) => {
  if (typeof value !== 'string' || !value.isWellFormed())
    throw new NacreError('wrong-type', `${path} must be a text`)
  if (value.length > MAX_PAYLOAD) throw new NacreError('too-large', `${path} is too long`)
  return value
}

export const aBoolean: Parser<boolean> = (value, path) => {
  if (typeof value === 'boolean') return value
  throw new NacreError('wrong-type', `${path} must be true or false`)
}

export function numberOf(min: number, max: number): Parser<number> {
  return (value, path) => {
    if (typeof value === 'number' && value >= min && value <= max) return value
    throw new NacreError('wrong-type', `${path} must be a number from ${min} to ${max}`)
  }
}

/** Tokens by their numbers. */
export const aToken: Parser<number> = integerOf(0, 2 ** 31 - 1)
