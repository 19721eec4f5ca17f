import { describe, expect, test } from 'vitest'
import { NOW } from '../../../test/mock-authority/index.ts'
import { CASE_POLICIES, CASES } from '../../../vectors/statements/generate.ts'
import { realEvidence, secondsOf, told } from '../../test/realEvidence.ts'
import { fromHex, toHex, ZERO_HASH } from '../bytes.ts'
import { keccak256, sha256 } from '../hash.ts'
import { CASE_KIND, type CaseTee, type EvidenceCase, encodeCase } from './evidenceCase.ts'
import { evidenceMeasurement } from './evidenceMeasurement.ts'
import type { EvidencePolicy } from './evidencePolicy.ts'
import { judgeCase } from './judge.ts'
import { decodeStatement } from './statement.ts'
import { verifierOf } from './verifyEvidence.ts'

const TEES = Object.keys(CASE_KIND) as CaseTee[]
const LATER = [0n, 3_600n, 30n * 86_400n, 315_360_000n, BigInt(Number.MAX_SAFE_INTEGER) - NOW, -NOW]

describe.each(TEES)('%s', tee => {
  test('is judged as its verifier judges it, at every time', () => {
    for (const later of LATER) {
      const found = CASES[tee]({ time: NOW + later })
      const { evidence, collateral, time } = found
      const verdict = verifierOf(tee)(evidence, collateral, time, CASE_POLICIES[tee])
      const judgement = judgeCase(encodeCase(found), CASE_POLICIES[tee])
      if (verdict.ok) expect(judgement).toHaveProperty('statement')
      else expect(judgement).toMatchObject({ code: verdict.code })
    }
  })

  test('the statement says what the evidence binds, and as of when', () => {
    const [userData, nonce] = [sha256(Uint8Array.of(1)), sha256(Uint8Array.of(2))]
    const gpu = tee === 'nvidia'
    const reportData = fromHex(gpu ? nonce : `${userData}${nonce.slice(2)}`)
    const found = CASES[tee]({ reportData, time: NOW + 5n })
    expect(stated(found)).toMatchObject({
      kind: CASE_KIND[tee],
      evidenceHash: keccak256(found.evidence),
      userData: gpu ? ZERO_HASH : userData,
      nonce,
      time: NOW + 5n,
    })
  })

  test('the same case under another policy may be refused', () => {
    const none = [{ mrtd: '00', measurement: '00', mrenclave: '00', measurement1: '00' }]
    const refused = judgeCase(encodeCase(CASES[tee]()), { ...CASE_POLICIES[tee], measurements: none })
    expect(refused).toMatchObject({ code: 'measurement-not-accepted' })
  })

  test('under the vendor’s own root nothing of a mock authority holds', () => {
    const { roots, ...policy } = CASE_POLICIES[tee]
    expect(judgeCase(encodeCase(CASES[tee]()), policy)).toMatchObject({ code: 'untrusted-root' })
  })
})

function stated(found: EvidenceCase, policy: EvidencePolicy = CASE_POLICIES[found.tee]) {
  const judgement = judgeCase(encodeCase(found), policy)
  if ('statement' in judgement) return decodeStatement(judgement.statement)
  throw new Error(`${judgement.code}: ${judgement.detail}`)
}

test('a partial verdict is refused unless the policy itself accepts it', () => {
  const { partial, ...silent } = CASE_POLICIES.nvidia
  const found = encodeCase(CASES.nvidia())
  expect(judgeCase(found, silent)).toMatchObject({ code: 'partial-refused' })
  expect(judgeCase(found, { ...silent, partial: false })).toMatchObject({ code: 'partial-refused' })
  expect(judgeCase(found, { ...silent, partial: true })).toHaveProperty('statement')
})

test('what is no case is malformed, too large or of a version that is not known', () => {
  const bytes = encodeCase(CASES.snp())
  const judged = (changed: Uint8Array) => judgeCase(changed, CASE_POLICIES.snp)
  expect(judged(bytes.subarray(0, -1))).toMatchObject({ code: 'malformed' })
  expect(judged(new Uint8Array(0))).toMatchObject({ code: 'malformed' })
  expect(judged(new Uint8Array(2 ** 20 + 1))).toMatchObject({ code: 'too-large' })
  expect(judged(Uint8Array.from(bytes, (byte, i) => (i === 1 ? 2 : byte)))).toMatchObject({
    code: 'unsupported',
  })
})

test('a measurement changes with each register, and a GPU’s blocks do not run together', () => {
  const registers = ['mrtd', 'rtmr0', 'rtmr1', 'rtmr2', 'rtmr3']
  const zero = Object.fromEntries(registers.map(name => [name, '00'.repeat(48)]))
  const digests = registers.map(name => evidenceMeasurement('tdx', { ...zero, [name]: '01'.repeat(48) }))
  expect(new Set([evidenceMeasurement('tdx', zero), ...digests]).size).toBe(6)
  const blocks = [
    { measurement1: 'aa', measurement2: 'bbcc' },
    { measurement1: 'aabb', measurement2: 'cc' },
    { measurement1: 'aa', measurement3: 'bbcc' },
    { measurement1: 'aa02bbcc' },
  ]
  expect(new Set(blocks.map(block => evidenceMeasurement('nvidia', block))).size).toBe(4)
  const order = { measurement10: 'aa', measurement9: 'bb' }
  expect(evidenceMeasurement('nvidia', order)).toBe(sha256(fromHex('0x06090001bb0a0001aa')))
})

test('files of collateral in another order are the same case', () => {
  const found = CASES.tdx()
  const reversed = { ...found, collateral: new Map([...found.collateral].reverse()) }
  expect(toHex(encodeCase(reversed))).toBe(toHex(encodeCase(found)))
})

const real = (['tdx', 'sgx', 'snp'] as const).flatMap(tee =>
  realEvidence(tee).map(file => ({ ...file, tee })),
)
const folder = new Map(
  ['dcap-collateral', 'snp-cert'].flatMap(realEvidence).map(({ file, bytes }) => [file, bytes] as const),
)

test(`real evidence is judged as its verifier judges it (${told(real)})`, () => {
  const policy: EvidencePolicy = { version: 1, debug: false, tcbStatuses: ['UpToDate', 'OutOfDate'] }
  const time = secondsOf('2025-06-20T00:00:00Z')
  const codes = real.map(({ tee, file, bytes }) => {
    const judgement = judgeCase(encodeCase({ tee, evidence: bytes, collateral: folder, time }), policy)
    const verdict = verifierOf(tee)(bytes, folder, time, policy)
    expect('code' in judgement ? judgement.code : 'ok', file).toBe(verdict.code)
    return verdict.code
  })
  if (real.length > 0) expect(new Set(codes)).toContain('ok')
})
