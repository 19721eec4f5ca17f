import { describe, expect, test } from 'vitest'
import type { NitroOptions } from '../../../test/mock-authority/index.ts'
import {
  authority,
  BROKEN_CASES,
  DEBUG_CASES,
  pcr,
  stranger,
  TIME,
  VALID_CASES,
} from '../../test/nitro/index.ts'
import { otherEs384 } from '../../test/p256.ts'
import { type EvidencePolicy, fromHex, isNotValid, type Verdict, verifyNitro } from '../index.ts'

const policy: EvidencePolicy = { version: 1, roots: [authority.pin] }

const verify = (
  options: Partial<NitroOptions> = {},
  more: Partial<EvidencePolicy> = {},
  time = TIME,
): Verdict => verifyNitro(authority.issue({ time: TIME, ...options }), null, time, { ...policy, ...more })

describe('valid documents', () => {
  test.each(VALID_CASES)('%s', (_, options) => {
    expect(verify(options)).toMatchObject({
      ok: true,
      code: 'ok',
      debug: false,
      pinned: false,
      partial: null,
    })
  })

  test('both signatures of a document are valid: its bytes are no replay key', () => {
    const bytes = authority.issue({ time: TIME })
    const other = authority.issue({ time: TIME, signature: otherEs384 })
    expect(other).not.toEqual(bytes)
  })

  test('the verdict says what was found', () => {
    const verdict = verify({ userData: fromHex('0x0102'), nonce: fromHex('0x03'), pcrs: { 16: pcr(7) } })
    expect(Object.keys(verdict.measurements)).toHaveLength(17)
    expect(verdict.measurements.pcr16).toBe('07'.repeat(48))
    expect(verdict).toMatchObject({
      reportData: '0102',
      tcbStatus: null,
      platform: { moduleId: 'i-0mock-enc0mock' },
      time: TIME,
    })
    expect(verdict.collateralDigest).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
    expect(verdict.checks.every(({ ok, detail }) => ok && detail.length > 0)).toBe(true)
  })
})

describe('debug is each of PCR0, 1 and 2 zero or absent, whatever the others are', () => {
  test.each(DEBUG_CASES)('%s', (_, options) => {
    expect(verify(options)).toMatchObject({ ok: false, code: 'debug-refused', debug: true })
    expect(verify(options, { debug: true })).toMatchObject({ ok: true, debug: true })
  })
})

describe('what is broken has its code', () => {
  test.each(BROKEN_CASES)('%s', (_, options, code) => {
    const verdict = verify(options)
    expect(verdict.code).toBe(code)
    expect(isNotValid(verdict.code)).toBe(true)
    expect(verdict).toMatchObject({ ok: false, measurements: {}, reportData: null, platform: {} })
  })

  test('the default policy trusts AWS’s root alone', () => {
    expect(verifyNitro(authority.issue({ time: TIME }), null, TIME).code).toBe('untrusted-root')
  })

  test('what is not valid counts before what is not wanted', () => {
    const options = { signers: { document: stranger }, pcrs: { 0: pcr(0) } }
    expect(verify(options, { nonce: '00' }).code).toBe('bad-signature')
  })
})

test('a policy or time that is malformed is the caller’s, and thrown', () => {
  const bytes = authority.issue({ time: TIME })
  const thrown = (run: () => unknown, code: string) => expect(run).toThrow(expect.objectContaining({ code }))
  thrown(() => verifyNitro(bytes, null, TIME, {} as never), 'empty-policy')
  thrown(() => verifyNitro(bytes, null, TIME, { version: 1 }), 'empty-policy')
  thrown(() => verifyNitro(bytes, null, TIME, { version: 1, measurements: [] }), 'empty-policy')
  thrown(() => verifyNitro(bytes, null, 1 as never), 'invalid-context')
})
