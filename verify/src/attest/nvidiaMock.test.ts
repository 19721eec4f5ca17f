import { describe, expect, test } from 'vitest'
import {
  createNvidiaAuthority,
  createSigner,
  type NvidiaOptions,
} from '../../../test/mock-authority/index.ts'
import { concat, type EvidencePolicy, isNotValid, utf8, type Verdict, verifyNvidia } from '../index.ts'

const TIME = 1_790_000_000n
const authority = createNvidiaAuthority('nvidia mock')
const policy: EvidencePolicy = { version: 1, roots: [authority.pin] }
const stranger = createSigner('p384', 'a stranger')
const bytes = (size: number, fill = 1): Uint8Array => new Uint8Array(size).fill(fill)
const set =
  (at: number, value: number) =>
  (part: Uint8Array): Uint8Array =>
    part.with(at, value)

type Files = (files: Map<string, Uint8Array>, options: NvidiaOptions) => Map<string, Uint8Array>

function verify(
  options: Partial<NvidiaOptions> = {},
  more: Partial<EvidencePolicy> = {},
  change: Files = files => files,
): Verdict {
  const all = { time: TIME, ...options }
  const files = change(authority.certificates(all), all)
  return verifyNvidia(authority.report(all), files, TIME, { ...policy, ...more })
}

describe('valid reports, which are partial', () => {
  const cases: [string, Partial<NvidiaOptions>][] = [
    ['of Hopper', {}],
    ['of Blackwell, whose certificates have another form', { form: 'blackwell' }],
    ['whose certificate marks its firmware as critical', { critical: true }],
    ['that names no firmware', { opaque: [] }],
    ['that names no firmware, under a certificate without', { opaque: [], firmware: null }],
    ['with one measurement', { measurements: [[9, bytes(48)]] }],
    ['with an unknown opaque field', { opaque: [[999, bytes(3)]] }],
    [
      'with measurements in another order',
      {
        measurements: [
          [2, bytes(48)],
          [1, bytes(32)],
        ],
      },
    ],
  ]
  test.each(cases)('%s', (_, options) => {
    const verdict = verify(options)
    expect(verdict).toMatchObject({ ok: true, code: 'ok', debug: null })
    expect(verdict.checks.find(({ name }) => name === 'policy-debug')?.detail).toContain('NOT KNOWN')
    expect(verdict.partial).toContain('reference values')
    expect(verify(options, { partial: false }).code).toBe('partial-refused')
  })

  test('the verdict says what was found', () => {
    const verdict = verify()
    expect(Object.keys(verdict.measurements)).toHaveLength(64)
    expect(verdict.measurements).toMatchObject({
      measurement1: '00'.repeat(48),
      measurement64: '3f'.repeat(48),
    })
    expect(verdict.platform).toEqual({
      deviceId: 'NVIDIA:MOCK:01',
      driverVersion: '560.00',
      vbiosVersion: '96.00.A5.00.01',
      project: 'G520',
    })
    expect(verdict.reportData).toBeNull()
  })

  test('the nonce is that of the request', () => {
    expect(verify({}, { nonce: '5a'.repeat(32) }).code).toBe('ok')
    expect(verify({}, { nonce: '77'.repeat(32) }).code).toBe('nonce-mismatch')
    expect(verify({}, { nonce: '5a' }).code).toBe('nonce-mismatch')
  })

  test('measurements and platform are what the policy names', () => {
    expect(verify({}, { measurements: [{ measurement3: '02'.repeat(48) }] }).code).toBe('ok')
    expect(verify({}, { measurements: [{ measurement3: '03'.repeat(48) }] }).code).toBe(
      'measurement-not-accepted',
    )
    expect(verify({}, { platforms: [{ deviceId: 'NVIDIA:MOCK:01' }] }).code).toBe('ok')
    expect(verify({}, { platforms: [{ deviceId: 'NVIDIA:MOCK:02' }] }).code).toBe('platform-not-accepted')
  })

  test('the certificates of another GPU beside its own are passed over', () => {
    const other = createNvidiaAuthority('another maker').certificates({ time: TIME })
    const among: Files = files =>
      new Map([...[...other].map(([name, der]) => [`other ${name}`, der] as const), ...files])
    expect(verify({}, {}, among)).toMatchObject({ code: 'ok', collateralDigest: verify().collateralDigest })
  })

  test('current lists of authorities that revoke nothing', () => {
    const lists: Files = (files, options) =>
      files.set('crl1', authority.crl('root', options)).set('crl2', authority.crl('identity', options))
    const [, certificates] = verify({}, {}, lists).checks
    expect(certificates?.detail).toContain('none revoked')
    expect(verify({}, {}, lists).code).toBe('ok')
  })
})

describe('what is broken has its code, and the check that finds it', () => {
  const cut = (part: Uint8Array): Uint8Array => part.subarray(0, -1)
  const longer = (part: Uint8Array): Uint8Array => concat(part, Uint8Array.of(0))
  const many = (size: number): [number, Uint8Array][] =>
    Array.from({ length: 255 }, (_, i) => [i + 1, bytes(size)])
  const cases: [string, Partial<NvidiaOptions>, string, string][] = [
    ['nothing', { signed: () => bytes(0) }, 'malformed', 'format'],
    ['cut short', { signed: cut }, 'malformed', 'format'],
    ['a byte behind it', { signed: longer }, 'malformed', 'format'],
    ['longer than any', { measurements: many(64) }, 'too-large', 'format'],
    ['a request of SPDM 1.2', { request: set(0, 0x12) }, 'unsupported', 'format'],
    ['another request', { request: set(1, 0xe1) }, 'malformed', 'format'],
    ['a request for no signature', { request: set(2, 0) }, 'malformed', 'format'],
    ['a request for one measurement', { request: set(3, 1) }, 'malformed', 'format'],
    ['a response of SPDM 1.0', { response: set(0, 0x10) }, 'unsupported', 'format'],
    ['an error for a response', { response: set(1, 0x7f) }, 'malformed', 'format'],
    ['fewer measurements than it says', { response: set(4, 65) }, 'malformed', 'format'],
    ['more measurements than it says', { response: set(4, 63) }, 'malformed', 'format'],
    ['no measurement', { measurements: [] }, 'malformed', 'format'],
    ['a record beyond the report', { response: set(7, 1) }, 'malformed', 'format'],
    ['a record that is cut short', { record: cut }, 'malformed', 'format'],
    ['a measurement of another specification', { record: set(1, 2) }, 'unsupported', 'format'],
    ['a value shorter than its block', { record: set(5, 47) }, 'malformed', 'format'],
    ['a value longer than its block', { record: set(5, 49) }, 'malformed', 'format'],
    ['measurement 0', { measurements: [[0, bytes(48)]] }, 'malformed', 'format'],
    [
      'a measurement twice',
      {
        measurements: [
          [1, bytes(48)],
          [1, bytes(48)],
        ],
      },
      'malformed',
      'format',
    ],
    [
      'an opaque field twice',
      {
        opaque: [
          [3, bytes(1)],
          [3, bytes(1)],
        ],
      },
      'malformed',
      'format',
    ],
    [
      'an opaque field beyond the data',
      { response: part => part.with(part.length - 50, 49) },
      'malformed',
      'format',
    ],
    ['signed by a stranger', { signers: { report: stranger } }, 'bad-signature', 'signature'],
    ['a signature of zeros', { signed: report => report.fill(0, -96) }, 'bad-signature', 'signature'],
    ['another nonce after it was signed', { signed: set(4, 0) }, 'bad-signature', 'signature'],
    ['another root of the same name', { signers: { root: stranger } }, 'untrusted-root', 'certificates'],
    ['a link by a stranger', { signers: { provisioner: stranger } }, 'broken-chain', 'certificates'],
    ['a leaf by a stranger', { signers: { leaf: stranger } }, 'broken-chain', 'certificates'],
    [
      'a link that may not certify',
      { certificates: { brom: { keyUsage: 0x80 } } },
      'broken-chain',
      'certificates',
    ],
    [
      'a path that is too long',
      { certificates: { identity: { pathLength: 1 } } },
      'broken-chain',
      'certificates',
    ],
    [
      'a leaf that may not sign',
      { certificates: { leaf: { keyUsage: 0x40 } } },
      'broken-chain',
      'certificates',
    ],
    [
      'an expired link',
      { certificates: { provisioner: { notAfter: TIME - 1n } } },
      'expired',
      'certificates',
    ],
    [
      'a leaf of later',
      { certificates: { leaf: { notBefore: TIME + 1n } } },
      'not-yet-valid',
      'certificates',
    ],
    ['other firmware than the key is for', { firmware: bytes(48, 2) }, 'wrong-binding', 'firmware'],
    [
      'other firmware, of Blackwell',
      { firmware: bytes(48, 2), form: 'blackwell' },
      'wrong-binding',
      'firmware',
    ],
    ['firmware that no certificate names', { firmware: null }, 'wrong-binding', 'firmware'],
  ]
  test.each(cases)('%s', (_, options, code, check) => {
    const verdict = verify(options)
    expect(verdict.code).toBe(code)
    expect(verdict.checks.find(({ ok }) => !ok)?.name).toBe(check)
    expect(isNotValid(verdict.code)).toBe(true)
    expect(verdict).toMatchObject({ ok: false, measurements: {}, platform: {}, partial: null })
  })

  const collateral: [string, Files, string][] = [
    ['no certificates', () => new Map(), 'missing-collateral'],
    ['no leaf', files => without(files, 'leaf.der'), 'missing-collateral'],
    ['a link left out', files => without(files, 'provisioner.der'), 'missing-collateral'],
    ['no root', files => without(files, 'root.der'), 'missing-collateral'],
    [
      'a revoked link',
      (files, options) => files.set('crl', authority.crl('identity', options, { revoked: [3] })),
      'revoked',
    ],
    [
      'an old list',
      (files, options) => files.set('crl', authority.crl('identity', options, { nextUpdate: TIME - 1n })),
      'stale-collateral',
    ],
    ['text where a list should be', files => files.set('l1-root.crl', utf8('not found')), 'bad-collateral'],
  ]
  test.each(collateral)('%s', (_, change, code) => {
    expect(verify({}, {}, change)).toMatchObject({ ok: false, code, measurements: {} })
  })

  test('the default policy trusts the root of NVIDIA alone', () => {
    const options = { time: TIME }
    const verdict = verifyNvidia(authority.report(options), authority.certificates(options), TIME)
    expect(verdict.code).toBe('untrusted-root')
  })
})

function without(files: Map<string, Uint8Array>, name: string): Map<string, Uint8Array> {
  return new Map([...files].filter(([file]) => file !== name))
}
