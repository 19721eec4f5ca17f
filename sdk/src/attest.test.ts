import { type Policy, type ReceiptBundle, toHex, toJson } from '@nacre/verify'
import { describe, expect, test } from 'vitest'
import {
  createBundle,
  createNitroBundle,
  evidenceNonce,
  manifest,
  NOW,
  nitroPolicy,
  policy,
} from '../../test/mock-authority/index.ts'
import { verifyAttestation } from './attest.ts'

/** As an operator tells what it runs: the same parts as in a bundle, as JSON. */
function failing(bundle: ReceiptBundle, wanted: Policy, nonce = evidenceNonce, time = NOW): string[] {
  const { identity, config, evidence, release } = bundle
  const answer = JSON.parse(JSON.stringify(toJson({ identity, config, evidence, release })))
  const { ok, checks } = verifyAttestation(answer, { policy: wanted, nonce, time })
  const failed = checks.filter(check => !check.ok).map(({ name }) => name)
  expect(ok).toBe(failed.length === 0)
  return failed
}

describe.each([
  ['simulated', createBundle, policy],
  ['nitro', createNitroBundle, nitroPolicy],
] as const)('evidence of kind %s', (_, create, wanted) => {
  const bundle = create()

  test('is accepted by the policy that names its root and assurance', () => {
    expect(failing(bundle, wanted)).toEqual([])
  })

  test('is refused over another nonce, or when it is old', () => {
    expect(failing(bundle, wanted, `0x${'11'.repeat(32)}`)).toContain('evidence-nonce')
    expect(failing(bundle, wanted, evidenceNonce, NOW + 3600n)).toEqual(['evidence-age'])
  })

  test('is refused for other keys, another configuration, another release', () => {
    const { identity, config, release } = bundle
    const keys = { ...bundle, identity: { ...identity, hpkeKey: evidenceNonce } }
    expect(failing(keys, wanted)).toEqual(['identity'])
    expect(failing({ ...bundle, config: { ...config, maxInput: 1 } }, wanted)).toEqual(['configuration'])
    const other = { ...release, manifest: { ...manifest, name: 'other' } }
    expect(failing({ ...bundle, release: other }, wanted)).toEqual([
      'configuration',
      'release',
      'policy-release',
    ])
  })

  test('is refused by a policy of another assurance, or of another release, whatever publisher it says', () => {
    const assurance = wanted.assurance[0] === 'tee' ? 'simulated' : 'tee'
    expect(failing(bundle, { ...wanted, assurance: [assurance] })).toEqual(['policy-assurance'])
    const { publisher } = bundle.release
    for (const releases of [[], [evidenceNonce]])
      expect(failing(bundle, { ...wanted, releases, publishers: [publisher] })).toEqual(['policy-release'])
  })
})

test('evidence is judged by the rules of the kind that it says, and of no kind that needs collateral', () => {
  const bundle = createBundle()
  const both: Policy = { ...nitroPolicy, ...policy, assurance: ['simulated', 'tee'] }
  const as = (kind: ReceiptBundle['evidence']['kind']) => ({
    ...bundle,
    evidence: { ...bundle.evidence, kind },
  })
  expect(failing(as('nitro'), both)).toContain('evidence-format')
  expect(failing(as('tdx'), both)).toContain('evidence-kind')
})

test('what is no attestation is told', () => {
  const { identity, config, release } = createBundle()
  const options = { policy, nonce: evidenceNonce, time: NOW }
  const answers = [
    undefined,
    {},
    { identity, config, release, evidence: { kind: 'tpm', bytes: '0x' } },
    { identity, config, release, evidence: { kind: 'simulated', bytes: toHex(new Uint8Array(8193)) } },
  ]
  for (const answer of answers)
    expect(() => verifyAttestation(answer && toJson(answer), options)).toThrow(
      expect.objectContaining({ code: 'bad-answer' }),
    )
})
