import { CliError } from './errors.ts'

/** A date, or a date and time with its zone: a time without one is another moment on another machine. */
const ISO = /^(\d{4})-(\d{2})-(\d{2})(T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2}))?$/

/** Now, Unix seconds. */
export function now(): bigint {
  return BigInt(Math.floor(Date.now() / 1000))
}

/**
 * A moment as people write it, in Unix seconds: those themselves, or ISO 8601.
 * @throws CliError bad-input
 */
export function parseTime(text: string, option: string): bigint {
  // Ten digits reach the year 2286: more are milliseconds.
  if (/^\d{1,10}$/.test(text)) return BigInt(text)
  const milliseconds = isDay(ISO.exec(text)) ? Date.parse(text) : Number.NaN
  if (milliseconds >= 0) return BigInt(Math.floor(milliseconds / 1000))
  throw new CliError('bad-input', {
    what: `${option} ${text} is not a time`,
    why: 'it is neither Unix seconds nor ISO 8601 with a zone, from 1970 on',
    fix: `for example ${option} 2026-11-24T10:00:00Z, or ${option} 1795514400`,
  })
}

/** Date.parse takes the 30th of February for the 2nd of March. */
function isDay(parts: RegExpExecArray | null): boolean {
  if (!parts) return false
  const [, year, month, day] = parts.map(Number)
  return new Date(Date.UTC(year!, month! - 1, day!)).getUTCDate() === day
}
