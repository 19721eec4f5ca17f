import { readFileSync } from 'node:fs'
import type { z } from 'zod'
import { FatalError } from './errors.ts'

/** Reads a JSON configuration file and checks it. Throws CONFIG_INVALID that names every wrong field. */
export function loadConfig<T>(schema: z.ZodType<T>, file: string): T {
  return parseConfig(schema, parseJson(readText(file), file), file)
}

/** Checks a configuration object; `source` says in errors where it came from. */
export function parseConfig<T>(schema: z.ZodType<T>, value: unknown, source: string): T {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issues = result.error.issues.map(
    issue => `${issue.path.join('.') || '(top level)'}: ${issue.message}`,
  )
  throw new FatalError('CONFIG_INVALID', `${source} is not a valid configuration: ${issues.join('; ')}.`, {
    fix: `Correct these fields in ${source}; docs/operating.md lists every field with an example.`,
  })
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new FatalError('CONFIG_INVALID', `The configuration ${file} cannot be read: ${String(cause)}.`, {
      fix: 'Pass an existing, readable file with --config FILE.',
      cause,
    })
  }
}

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new FatalError('CONFIG_INVALID', `The configuration ${file} is not JSON: ${String(cause)}.`, {
      fix: 'Write one JSON object; docs/operating.md has an example.',
      cause,
    })
  }
}
