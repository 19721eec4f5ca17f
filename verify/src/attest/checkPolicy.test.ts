import { describe, expect, test } from 'vitest'
import { createChecklist, type Fact } from '../checks.ts'
import type { EvidencePolicy } from '../index.ts'
import type { Attested } from './attested.ts'
import { checkPolicy } from './checkPolicy.ts'
import { createContext, createVerdict } from './verdict.ts'

const TIME = 1_790_000_000n
const attested: Attested = {
  measurements: { mrtd: 'aa', rtmr0: 'bb' },
  reportData: '0102000000',
  nonce: null,
  timestamp: null,
  tcbStatus: 'UpToDate',
  tcb: { microcode: 209, snp: 8 },
  advisories: [],
  debug: false,
  partial: null,
  platform: { fmspc: '50806f000000', pceId: '0000' },
}

/** The code that a policy gives evidence of which some is otherwise. */
function codeOf(policy: Omit<EvidencePolicy, 'version'>, found: Partial<Attested> = {}): string {
  const fact: Fact<Attested> = { check: 'all', ok: true, value: { ...attested, ...found } }
  return createVerdict('tdx', createContext(TIME, { version: 1, ...policy }), () => fact).code
}

describe('of evidence that nobody doubts', () => {
  const cases: [string, Omit<EvidencePolicy, 'version'>, Partial<Attested>, string][] = [
    ['debug, by default', { maxAge: 1 }, { debug: true, timestamp: TIME }, 'debug-refused'],
    ['debug, refused in words', { debug: false }, { debug: true }, 'debug-refused'],
    ['debug, accepted', { debug: true }, { debug: true }, 'ok'],
    ['out of date, by default', { debug: false }, { tcbStatus: 'OutOfDate' }, 'tcb-status-not-accepted'],
    [
      'hardening needed, by default',
      { debug: false },
      { tcbStatus: 'SWHardeningNeeded' },
      'tcb-status-not-accepted',
    ],
    [
      'hardening needed, accepted',
      { tcbStatuses: ['UpToDate', 'SWHardeningNeeded'] },
      { tcbStatus: 'SWHardeningNeeded' },
      'ok',
    ],
    ['up to date, where that is not a choice', { tcbStatuses: ['OutOfDate'] }, {}, 'tcb-status-not-accepted'],
    [
      'revoked, whatever is accepted',
      { tcbStatuses: ['OutOfDate', 'OutOfDateConfigurationNeeded'] },
      { tcbStatus: 'Revoked' },
      'tcb-status-not-accepted',
    ],
    ['no status at all', { tcbStatuses: ['UpToDate'] }, { tcbStatus: null }, 'ok'],
    ['a least version, met', { minimumTcb: { microcode: 209, snp: 1 } }, {}, 'ok'],
    ['a least version, missed', { minimumTcb: { microcode: 210 } }, {}, 'tcb-below-minimum'],
    ['a component that is not there', { minimumTcb: { fmc: 0 } }, {}, 'tcb-below-minimum'],
    ['a component by the name of a prototype', { minimumTcb: { toString: 0 } }, {}, 'tcb-below-minimum'],
    ['an age that nobody signs', { maxAge: 1000 }, {}, 'age-unknown'],
    ['an age at its bound', { maxAge: 10 }, { timestamp: TIME - 10n }, 'ok'],
    ['an age beyond it', { maxAge: 10 }, { timestamp: TIME - 11n }, 'too-old'],
    ['report data with zeros behind the nonce', { nonce: '0102' }, {}, 'ok'],
    ['report data with more behind the nonce', { nonce: '01' }, {}, 'nonce-mismatch'],
    ['a nonce longer than the report data', { nonce: '010200000000' }, {}, 'nonce-mismatch'],
    ['no report data for a nonce', { nonce: '01' }, { reportData: null }, 'nonce-mismatch'],
    ['a field for the nonce', { nonce: '0102' }, { nonce: '0102', reportData: null }, 'ok'],
    ['a field that is longer than the nonce', { nonce: '0102' }, { nonce: '01020000' }, 'nonce-mismatch'],
    ['an empty field', { nonce: '01' }, { nonce: '' }, 'nonce-mismatch'],
    ['the report data', { reportData: '0102000000' }, {}, 'ok'],
    ['a part of the report data', { reportData: '0102' }, {}, 'report-data-mismatch'],
    ['the public key', { publicKey: 'ABCD' }, { publicKey: 'abcd' }, 'ok'],
    ['another public key', { publicKey: 'abcd' }, { publicKey: 'abce' }, 'public-key-mismatch'],
    ['no public key', { publicKey: 'abcd' }, { publicKey: null }, 'public-key-mismatch'],
    ['a public key where there is no field', { publicKey: 'abcd' }, {}, 'public-key-mismatch'],
    [
      'one of two sets of measurements',
      { measurements: [{ mrtd: 'cc' }, { mrtd: 'aa', rtmr0: 'bb' }] },
      {},
      'ok',
    ],
    [
      'a set that is met in part',
      { measurements: [{ mrtd: 'aa', rtmr0: 'cc' }] },
      {},
      'measurement-not-accepted',
    ],
    ['a register that is not there', { measurements: [{ toString: 'aa' }] }, {}, 'measurement-not-accepted'],
    ['a platform', { platforms: [{ fmspc: '50806F000000' }] }, {}, 'ok'],
    [
      'another platform',
      { platforms: [{ fmspc: '50806f000000', pceId: '0001' }] },
      {},
      'platform-not-accepted',
    ],
    ['a part, by default', { debug: false }, { partial: 'no reference values' }, 'ok'],
    ['a part, refused', { partial: false }, { partial: 'no reference values' }, 'partial-refused'],
  ]
  test.each(cases)('%s', (_, policy, found, code) => expect(codeOf(policy, found)).toBe(code))
})

test('every check of a policy fails when the evidence is not authentic, and says why', () => {
  const list = createChecklist()
  const policy = {
    version: 1 as const,
    measurements: [{ mrtd: 'aa' }],
    maxAge: 1,
    nonce: '00',
    reportData: '00',
  }
  checkPolicy(list, { check: 'signature', ok: false }, policy, TIME)
  expect(list.checks.map(({ ok, detail }) => [ok, detail])).toEqual(
    list.checks.map(() => [false, 'not established, because signature failed']),
  )
  expect(list.checks.length).toBeGreaterThan(5)
})

test('that no measurement is pinned is said loudly, in the checks and in a field', () => {
  const fact: Fact<Attested> = { check: 'all', ok: true, value: attested }
  const verdict = createVerdict('tdx', createContext(TIME, { version: 1, debug: false }), () => fact)
  expect(verdict).toMatchObject({ ok: true, pinned: false })
  expect(verdict.checks.find(({ name }) => name === 'policy-measurement')?.detail).toContain('NO MEASUREMENT')
})

test('whatever authenticating throws is a verdict', () => {
  const context = createContext(TIME, { version: 1, debug: false })
  const verdict = createVerdict('tdx', context, list =>
    list.check('format', [], () => {
      throw new RangeError('a defect')
    }),
  )
  expect(verdict).toMatchObject({ ok: false, code: 'malformed', measurements: {} })
})
