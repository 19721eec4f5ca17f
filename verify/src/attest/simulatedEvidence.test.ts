import { describe, expect, test } from 'vitest'
import { authority, type EvidenceOptions, evidenceOptions, NOW } from '../../../test/mock-authority/index.ts'
import { signingKey } from '../../test/p256.ts'
import { type EvidencePolicy, sha256, type Verdict, verifySimulatedEvidence } from '../index.ts'

const policy: EvidencePolicy = { version: 1, roots: [sha256(authority.root)] }

const verify = (
  options: Partial<EvidenceOptions> = {},
  more: Partial<EvidencePolicy> = {},
  time = NOW,
): Verdict =>
  verifySimulatedEvidence(authority.issue({ ...evidenceOptions, ...options }), null, time, {
    ...policy,
    ...more,
  })

test('evidence of a root that the policy names, as Nitro’s through the same interface', () => {
  const verdict = verify()
  expect(verdict).toMatchObject({ tee: 'simulated', ok: true, code: 'ok', debug: false })
  const { userData, nonce } = evidenceOptions
  expect(verdict.reportData).toBe(userData.slice(2))
  expect(Object.keys(verdict.measurements)).toHaveLength(16)
  expect(
    verify({}, { nonce, reportData: userData, measurements: [{ pcr0: verdict.measurements.pcr0 as string }] })
      .ok,
  ).toBe(true)
})

test('the default policy accepts none', () => {
  const evidence = authority.issue(evidenceOptions)
  expect(verifySimulatedEvidence(evidence, null, NOW)).toMatchObject({ ok: false, code: 'untrusted-root' })
})

describe('what is broken has its code', () => {
  const stranger = signingKey('a stranger')
  const cases: [string, Partial<EvidenceOptions>, string][] = [
    ['signed as Nitro signs', { signature: 'es384' }, 'malformed'],
    ['a high s', { signature: 'high-s' }, 'bad-signature'],
    ['a document by a stranger', { documentSigner: stranger }, 'bad-signature'],
    ['a leaf by a stranger', { leafSigner: stranger }, 'broken-chain'],
    ['a leaf of a high s', { leaf: { highS: true } }, 'broken-chain'],
    ['a leaf that is an authority', { leaf: { authority: true, keyUsage: 0x84 } }, 'broken-chain'],
    ['an expired leaf', { leaf: { notAfter: NOW - 1n } }, 'expired'],
    [
      'PCR1 zero',
      { map: map => (map.get('pcrs') as Map<number, Uint8Array>).set(1, new Uint8Array(48)) },
      'debug-refused',
    ],
    ['an unknown key', { map: map => map.set('extra', null) }, 'malformed'],
  ]
  test.each(cases)('%s', (_, options, code) => expect(verify(options)).toMatchObject({ ok: false, code }))
})
