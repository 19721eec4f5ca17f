import { describe, expect, test } from 'vitest'
import { DEFAULT_EVIDENCE_POLICY, parseEvidencePolicy } from '../index.ts'

const pcr0 = 'ab'.repeat(48)
const code = (value: unknown): string => {
  try {
    parseEvidencePolicy(value)
    return 'accepted'
  } catch (error) {
    return (error as { code: string }).code
  }
}

test('hex of any case, with a prefix or without, becomes the same', () => {
  const policy = parseEvidencePolicy({
    version: 1,
    measurements: [{ pcr0: `0x${pcr0.toUpperCase()}` }],
    nonce: '0xAB',
    platforms: [{ moduleId: 'i-0AB-enc1', chipId: '0xAB' }],
  })
  expect(policy).toEqual({
    version: 1,
    measurements: [{ pcr0 }],
    nonce: 'ab',
    platforms: [{ moduleId: 'i-0AB-enc1', chipId: 'ab' }],
  })
})

test('the default accepts neither debug nor a TCB that is not up to date, and Revoked is no choice', () => {
  expect(parseEvidencePolicy(DEFAULT_EVIDENCE_POLICY)).toMatchObject({
    debug: false,
    tcbStatuses: ['UpToDate'],
  })
  expect(code({ version: 1, tcbStatuses: ['Revoked'] })).toBe('wrong-type')
})

describe('a policy that does not say what is wanted is refused', () => {
  const cases: [string, unknown, string][] = [
    ['nothing', {}, 'empty-policy'],
    ['its version alone', { version: 1 }, 'empty-policy'],
    ['no measurements', { version: 1, measurements: [] }, 'empty-policy'],
    ['an empty set of measurements', { version: 1, measurements: [{ pcr0 }, {}] }, 'empty-policy'],
    ['no statuses', { version: 1, tcbStatuses: [] }, 'empty-policy'],
    ['no components', { version: 1, minimumTcb: {} }, 'empty-policy'],
    ['no platforms', { version: 1, platforms: [] }, 'empty-policy'],
    ['an empty set of ids', { version: 1, platforms: [{}] }, 'empty-policy'],
    ['no roots', { version: 1, roots: [] }, 'empty-policy'],
    ['no version', { debug: true }, 'missing-field'],
    ['version 2', { version: 2, debug: true }, 'unsupported-version'],
    ['a misspelt field', { version: 1, measurement: [{ pcr0 }] }, 'unknown-field'],
    ['a list', [1], 'wrong-type'],
    ['null', null, 'wrong-type'],
    ['debug that is text', { version: 1, debug: 'true' }, 'wrong-type'],
    ['half a byte', { version: 1, nonce: 'abc' }, 'wrong-type'],
    ['an empty nonce', { version: 1, nonce: '0x' }, 'wrong-type'],
    ['a nonce of 1,025 bytes', { version: 1, nonce: '00'.repeat(1025) }, 'wrong-type'],
    ['a register that is no hex', { version: 1, measurements: [{ pcr0: 'xy' }] }, 'wrong-type'],
    ['a register of no name', { version: 1, measurements: [{ 'pcr 0': pcr0 }] }, 'unknown-field'],
    [
      'a record with the name of a prototype',
      JSON.parse('{"version":1,"measurements":[{"__proto__":"00"}]}'),
      'unknown-field',
    ],
    ['an unknown status', { version: 1, tcbStatuses: ['Fine'] }, 'wrong-type'],
    ['a negative version', { version: 1, minimumTcb: { microcode: -1 } }, 'wrong-type'],
    ['no age', { version: 1, maxAge: 0 }, 'wrong-type'],
    [
      'too many sets',
      { version: 1, measurements: Array.from({ length: 257 }, () => ({ pcr0 })) },
      'too-large',
    ],
  ]
  test.each(cases)('%s', (_, value, wanted) => expect(code(value)).toBe(wanted))
})
