import { expect, test } from 'vitest'
import { policy } from '../../test/mock-authority/index.ts'
import { DEFAULT_POLICY, type NacreError, parsePolicy, policySchema } from './index.ts'

type Schema = Record<string, never> & {
  properties?: Record<string, Schema>
  anyOf?: Schema[]
  items?: Schema
}

const HASH = `0x${'11'.repeat(32)}`
const ADDRESS = `0x${'11'.repeat(20)}`

/** Policies, and the code that each is refused with. */
const CASES: [string, unknown, string | undefined][] = [
  ['valid', policy, undefined],
  ['by release', { ...DEFAULT_POLICY, releases: [HASH] }, undefined],
  ['with lists', { ...policy, operators: [ADDRESS], artifacts: [HASH] }, undefined],
  ['the default alone', DEFAULT_POLICY, 'empty-policy'],
  ['no assurance', { ...policy, assurance: [] }, 'empty-policy'],
  ['no operator', { ...policy, operators: [] }, 'empty-policy'],
  ['with roots of Nitro', { ...policy, nitroRoots: [HASH] }, undefined],
  ['no root of Nitro', { ...policy, nitroRoots: [] }, 'empty-policy'],
  ['a root of Nitro that is a certificate', { ...policy, nitroRoots: ['0x3082'] }, 'wrong-type'],
  ['many roots of Nitro', { ...policy, nitroRoots: Array(17).fill(HASH) }, 'too-large'],
  ['no artifact', { ...policy, artifacts: [] }, 'empty-policy'],
  ['unknown assurance', { ...policy, assurance: ['trust-me'] }, 'wrong-type'],
  ['unknown field', { ...policy, extra: true }, 'unknown-field'],
  ['missing field', { ...policy, releases: undefined, version: 1 }, 'wrong-type'],
  ['version 2', { ...policy, version: 2 }, 'unsupported-version'],
  ['a short release', { ...policy, releases: ['0x11'] }, 'wrong-type'],
  ['an upper-case address', { ...policy, operators: [`0x${'AB'.repeat(20)}`] }, 'wrong-type'],
  ['age 0', { ...policy, maxEvidenceAge: 0 }, 'wrong-type'],
  ['an age of infinity', { ...policy, maxEvidenceAge: 1e300 }, 'wrong-type'],
  ['an age as text', { ...policy, maxEvidenceAge: '60' }, 'wrong-type'],
  ['a long list', { ...policy, releases: Array(257).fill(HASH) }, 'too-large'],
  ['many roots', { ...policy, developmentRoots: Array(17).fill('0x00') }, 'too-large'],
  ['a long root', { ...policy, developmentRoots: [`0x${'00'.repeat(1025)}`] }, 'too-large'],
  ['a root that is no hex', { ...policy, developmentRoots: ['0x0'] }, 'wrong-type'],
  ['both assurances', { ...policy, assurance: ['simulated', 'tee'] }, undefined],
  ['a list', [], 'wrong-type'],
  ['nothing', null, 'wrong-type'],
]

test.each(CASES)('%s', (_, value, code) => {
  const json: unknown = value
  let thrown: string | undefined
  try {
    expect(parsePolicy(json)).toEqual(json)
  } catch (error) {
    thrown = (error as NacreError).code
  }
  expect(thrown).toBe(code)
  expect(accepts(policySchema as Schema, json), 'the JSON Schema agrees').toBe(code === undefined)
})

/** The keywords of JSON Schema that the policy's schema uses. */
function accepts(schema: Schema, value: unknown): boolean {
  const { type, required = [], properties = {}, anyOf, items } = schema as Schema & { required?: string[] }
  const keys = value !== null && typeof value === 'object' && !Array.isArray(value) ? Object.keys(value) : []
  const types: Record<string, boolean> = {
    object: keys.length > 0,
    array: Array.isArray(value),
    string: typeof value === 'string',
    integer: Number.isInteger(value),
  }
  if (type !== undefined && !types[type]) return false
  if ('const' in schema && value !== schema.const) return false
  if ('enum' in schema && !(schema.enum as unknown[]).includes(value)) return false
  if ('pattern' in schema && !new RegExp(schema.pattern).test(value as string)) return false
  if ('minimum' in schema && (value as number) < schema.minimum) return false
  if ('maximum' in schema && (value as number) > schema.maximum) return false
  if (Array.isArray(value)) {
    if (value.length < (schema.minItems ?? 0) || value.length > (schema.maxItems ?? Number.POSITIVE_INFINITY))
      return false
    return value.every(item => items === undefined || accepts(items, item))
  }
  if (!required.every(key => keys.includes(key))) return false
  if (schema.additionalProperties === (false as never) && keys.some(key => !(key in properties))) return false
  const inside = keys.every(
    key => !properties[key] || accepts(properties[key], (value as Record<string, unknown>)[key]),
  )
  return inside && (anyOf === undefined || anyOf.some(choice => accepts(choice, value)))
}
