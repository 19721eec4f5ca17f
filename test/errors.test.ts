import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PROOFS_ERROR_CODES, proofsError } from '@nacre/proofs/errors'
import { SDK_ERROR_CODES, sdkError } from '@nacre/sdk/errors'
import { ERROR_CODES, NacreError } from '@nacre/verify'
import { describe, expect, test } from 'vitest'
import { CLI_ERROR_EXIT } from '../cli/src/errors.ts'
import { CHANNEL_CODES, ChannelError } from '../enclave/src/errors.ts'
import { API_CODES, ApiError, apiAnswer } from '../enclave/src/inference/apiErrors.ts'
import { ERROR_CODES as HOST_CODES } from '../host/src/common/errors.ts'
import { DRIVER_CODES, DriverError } from '../host/src/drivers/errors.ts'
import { CHANNEL_ERRORS, ENCLAVE_CODES, EnclaveError } from '../host/src/enclaveErrors.ts'

/** Rows of the tables below a heading: the code, and the last column. */
function rowsOf(page: string, heading: string): [code: string, last: string][] {
  const text = readFileSync(join(import.meta.dirname, '../docs', page), 'utf8')
  const section = text.split(/^## /m).find(part => part.startsWith(`${heading}\n`)) ?? ''
  const rows = [...section.matchAll(/^\| `([^`]+)` +\|(.*)\|$/gm)]
  return rows.map(([, code = '', rest = '']) => [code, rest.split('|').at(-1)?.trim() ?? ''])
}

const clientCodes = ENCLAVE_CODES.filter(code => !Object.hasOwn(CHANNEL_ERRORS, code))

describe('docs/errors.md documents every code, no other, and what to do about it', () => {
  const lists: [string, readonly string[], (code: string) => string | undefined][] = [
    ['verify', ERROR_CODES, code => new NacreError(code as never, '').fix],
    ['proofs', PROOFS_ERROR_CODES, code => proofsError(code as never, '').fix],
    ['enclave', CHANNEL_CODES, code => new ChannelError(code as never, '').fix],
    ['host: enclave client', clientCodes, code => new EnclaveError(code as never, '').fix],
    ['host: drivers', DRIVER_CODES, code => new DriverError(code as never, '').fix],
    ['sdk', SDK_ERROR_CODES, code => sdkError(code as never, '').fix],
  ]
  test.each(lists)('%s', (heading, codes, fixOf) => {
    const rows = rowsOf('errors.md', heading)
    expect(rows.map(([code]) => code)).toEqual([...codes])
    for (const [code, fix] of rows) expect(fix, code).toBe(fixOf(code))
  })
})

test('docs/errors.md and docs/inference.md document every code of the API, the latter with its status and type', () => {
  const rows = rowsOf('errors.md', 'enclave: API for language models')
  expect(rows.map(([code]) => code)).toEqual([...API_CODES])
  expect(rows.filter(([, fix]) => fix === '')).toEqual([])
  const page = readFileSync(join(import.meta.dirname, '../docs/inference.md'), 'utf8')
  for (const code of API_CODES) {
    const { status, body } = apiAnswer(new ApiError(code, ''))
    const row = page
      .split('\n')
      .find(line => line.startsWith('| ') && line.includes(`${status}`) && line.includes(`\`${code}\``))
    expect(row, code).toContain(body.error.type)
  }
})

test('the host knows every code that the enclave answers with, and no other', () => {
  expect(Object.keys(CHANNEL_ERRORS)).toEqual(CHANNEL_CODES.filter(code => code !== 'invalid-config'))
})

test('docs/operating.md documents the codes of services, docs/cli.md those of the command line', () => {
  expect(rowsOf('operating.md', 'Error codes').map(([code]) => code)).toEqual([...HOST_CODES])
  const documented = rowsOf('cli.md', 'Errors').map(([code]) => code)
  // A bug in nacre has an exit code of its own; there is nothing more to say about it.
  expect([...documented, 'internal'].sort()).toEqual(Object.keys(CLI_ERROR_EXIT).sort())
})
