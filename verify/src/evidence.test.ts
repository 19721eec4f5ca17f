import { expect, test } from 'vitest'
import { MAX_NITRO_EVIDENCE } from './attest/nitro.ts'
import { MAX_EVIDENCE } from './attest/simulated.ts'
import { EVIDENCE_KINDS, MAX_EVIDENCE_SIZE, parseEvidence, toHex } from './index.ts'

test('what is taken of a kind is what its verifier takes', () => {
  expect(MAX_EVIDENCE_SIZE.simulated).toBe(MAX_EVIDENCE)
  expect(MAX_EVIDENCE_SIZE.nitro).toBe(MAX_NITRO_EVIDENCE)
})

test.each(EVIDENCE_KINDS)('%s: bytes up to its bound, and no more', kind => {
  const of = (size: number) => ({ kind, bytes: toHex(new Uint8Array(size)) })
  const max = MAX_EVIDENCE_SIZE[kind]
  expect(parseEvidence(of(max), 'evidence')).toEqual(of(max))
  expect(() => parseEvidence(of(max + 1), 'evidence')).toThrow(expect.objectContaining({ code: 'too-large' }))
})

const wrong: [string, unknown, string][] = [
  ['nothing', null, 'wrong-type'],
  ['an unknown kind', { kind: 'tpm', bytes: '0x' }, 'wrong-type'],
  ['a kind of every object', { kind: 'constructor', bytes: '0x' }, 'wrong-type'],
  ['no bytes', { kind: 'nitro' }, 'missing-field'],
  ['bytes that are no hex', { kind: 'nitro', bytes: '0X00' }, 'wrong-type'],
  ['a field too many', { kind: 'nitro', bytes: '0x', collateral: {} }, 'unknown-field'],
]
test.each(wrong)('%s is refused', (_, value, code) => {
  expect(() => parseEvidence(value, 'evidence')).toThrow(expect.objectContaining({ code }))
})
