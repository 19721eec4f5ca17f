import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseConfig } from '../common/config.ts'
import { API_ERROR_CODES } from '../inference/apiErrors.ts'
import { gatewayConfig, gatewaySchema } from './config.ts'

const DOCS = join(import.meta.dirname, '../../../docs')
const LEAST = { operators: ['https://one.example'], databaseUrl: 'postgresql://127.0.0.1/nacre' }
const read = (changes: object) => parseConfig(gatewayConfig, { ...LEAST, ...changes }, 'test')

test('keys are required unless it is said otherwise; operators are origins, each once', () => {
  expect(read({})).toMatchObject({ keys: { required: true }, schema: 'gateway' })
  expect(read({ operators: ['https://ONE.example:443/'] }).operators).toEqual(['https://one.example'])
  for (const operators of [
    [],
    ['ftp://one.example'],
    ['https://one.example/v1'],
    ['https://one.example', 'https://one.example/'],
  ])
    expect(() => read({ operators }), `${operators}`).toThrow('operators')
  expect(() => read({ policyFile: 'policy.json' })).toThrow('absolute')
})

test('docs/gateway.schema.json is the schema that the configuration is checked by', () => {
  expect(JSON.parse(readFileSync(join(DOCS, 'gateway.schema.json'), 'utf8'))).toEqual(gatewaySchema())
})

test('docs/operating.md has a row for every field, docs/inference.md every code', () => {
  const page = readFileSync(join(DOCS, 'operating.md'), 'utf8')
  const [table = ''] = page.slice(page.indexOf('| field of a gateway |')).split('\n\n')
  const rows = [...table.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(([, names = '']) => names.match(/\w+/g) ?? [])
  const { properties } = gatewaySchema() as { properties: object }
  expect([...rows, '$schema'].sort()).toEqual(Object.keys(properties).sort())
  const codes = readFileSync(join(DOCS, 'inference.md'), 'utf8')
  expect(API_ERROR_CODES.filter(code => !codes.includes(`\`${code}\``))).toEqual([])
})
