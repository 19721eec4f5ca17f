import { readFileSync } from 'node:fs'
import { CliError } from '../errors.ts'

/** Rows of finite numbers, all of one length, as `--input` takes them: JSON or @FILE, a single row without the outer brackets too. */
export function readRows(text: string): number[][] {
  try {
    return rowsOf(JSON.parse(text.startsWith('@') ? readFileSync(text.slice(1), 'utf8') : text))
  } catch (error) {
    throw new CliError('bad-input', {
      what: 'the input cannot be read',
      why: String(error),
      fix: 'pass rows of numbers, such as [[5.1,3.5,1.4,0.2]], or @FILE',
    })
  }
}

/** The same of parsed JSON. Throws an Error that says what is wrong. */
export function rowsOf(value: unknown): number[][] {
  const rows = Array.isArray(value) && Array.isArray(value[0]) ? value : [value]
  if (!rows.every(row => Array.isArray(row) && row.length > 0 && row.every(Number.isFinite)))
    throw new Error('not rows of finite numbers')
  if (rows.some(row => row.length !== rows[0].length)) throw new Error('rows of different lengths')
  return rows
}
