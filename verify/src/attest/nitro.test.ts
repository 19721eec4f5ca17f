import { describe, expect, test } from 'vitest'
import { realEvidence, secondsOf, told } from '../../test/realEvidence.ts'
import { type EvidencePolicy, isNotValid, verifyNitro } from '../index.ts'
import { AWS_NITRO_ROOT } from './nitro.ts'

const NOW = secondsOf('2026-11-24T12:00:00Z')
const documents = realEvidence('nitro').filter(({ file }) => file.endsWith('.bin'))
const source = documents.find(({ expect }) => expect.suggested_verification_time)

/** Those made out of another are of its time. */
const timeOf = ({ expect }: (typeof documents)[number]): bigint =>
  secondsOf(expect.suggested_verification_time ?? source?.expect.suggested_verification_time)

describe(`AWS Nitro documents (${told(documents)})`, () => {
  test('each gets the verdict that its manifest expects, at its time', () => {
    for (const document of documents) {
      const { file, expect: wanted, bytes } = document
      const verdict = verifyNitro(bytes, null, timeOf(document))
      const isDebug = wanted.debug_mode_zero_pcr012 === true
      expect(verdict.ok, `${file}: ${verdict.code}`).toBe(wanted.valid && !isDebug)
      expect(verdict.debug, file).toBe(wanted.valid ? isDebug : null)
      if (!wanted.valid) expect(isNotValid(verdict.code), file).toBe(true)
      if (isDebug) expect(verdict.code, file).toBe('debug-refused')
      for (const [index, pcr] of Object.entries(wanted.pcrs ?? {}))
        expect(verdict.measurements[`pcr${index}`], file).toBe(pcr)
      if (wanted.pcr_count) expect(Object.keys(verdict.measurements), file).toHaveLength(wanted.pcr_count)
      if (wanted.user_data !== undefined) expect(verdict.reportData, file).toBe(wanted.user_data)
      if (wanted.module_id) expect(verdict.platform, file).toEqual({ moduleId: wanted.module_id })
    }
  })

  test('the code of what is broken is of what is broken', () => {
    const codes = documents
      .filter(({ expect }) => !expect.valid)
      .map(document => [document.file, verifyNitro(document.bytes, null, timeOf(document)).code])
    const wanted: Record<string, string> = {
      'nitro/malformed-base-a05aa73a.bin': 'malformed',
      'nitro/synthetic-sig-bitflip.bin': 'bad-signature',
      'nitro/synthetic-truncated.bin': 'malformed',
    }
    expect(Object.fromEntries(codes)).toEqual(documents.length > 0 ? wanted : {})
  })

  test('none is valid a second before its certificates are, nor after them, nor today', () => {
    for (const { file, expect: wanted, bytes } of documents.filter(({ expect }) => expect.valid_between)) {
      const [from, to] = wanted.valid_between.map(secondsOf)
      const codeAt = (time: bigint) => verifyNitro(bytes, null, time, { version: 1, debug: true }).code
      expect(codeAt(from - 1n), file).toBe('not-yet-valid')
      expect(codeAt(to), file).toBe('ok')
      expect([codeAt(to + 1n), codeAt(NOW)], file).toEqual(['expired', 'expired'])
    }
  })

  test('a policy that says so accepts debug, and the verdict says loudly what that means', () => {
    for (const document of documents.filter(({ expect }) => expect.debug_mode_zero_pcr012)) {
      const verdict = verifyNitro(document.bytes, null, timeOf(document), { version: 1, debug: true })
      expect(verdict).toMatchObject({ ok: true, code: 'ok', debug: true })
      expect(verdict.checks.find(({ name }) => name === 'policy-debug')?.detail).toContain('DEBUG')
    }
  })

  test('what the policy wants is compared, each with its code, and nothing is known of another root', () => {
    for (const document of documents.filter(({ expect }) => expect.pcrs?.[0])) {
      const { bytes, file, expect: wanted } = document
      const time = timeOf(document)
      const { pcrs, timestamp_ms } = wanted
      const code = (policy: Omit<EvidencePolicy, 'version'>, at = time) =>
        verifyNitro(bytes, null, at, { version: 1, ...policy }).code
      const other = '11'.repeat(48)
      expect(
        code({ measurements: [{ pcr0: other }, { pcr0: pcrs[0].toUpperCase(), pcr2: pcrs[2] }] }),
        file,
      ).toBe('ok')
      expect(code({ measurements: [{ pcr0: pcrs[0], pcr2: other }] })).toBe('measurement-not-accepted')
      expect(code({ measurements: [{ pcr31: pcrs[0] }] })).toBe('measurement-not-accepted')
      expect(code({ platforms: [{ moduleId: wanted.module_id }] })).toBe('ok')
      expect(code({ platforms: [{ moduleId: `${wanted.module_id}0` }] })).toBe('platform-not-accepted')
      expect(code({ nonce: wanted.nonce ?? '00' })).toBe(wanted.nonce ? 'ok' : 'nonce-mismatch')
      expect(code({ reportData: wanted.user_data || '00' })).toBe(
        wanted.user_data ? 'ok' : 'report-data-mismatch',
      )
      expect(code({ publicKey: wanted.public_key ?? '00' })).toBe(
        wanted.public_key ? 'ok' : 'public-key-mismatch',
      )
      expect(code({ maxAge: 60 }, BigInt(Math.floor(timestamp_ms / 1000)) + 60n)).toBe('ok')
      expect(code({ maxAge: 60 }, BigInt(Math.floor(timestamp_ms / 1000)) + 61n)).toBe('too-old')
      expect(code({ minimumTcb: { microcode: 1 } })).toBe('tcb-below-minimum')
      const stranger = verifyNitro(bytes, null, time, { version: 1, roots: ['22'.repeat(32)] })
      expect(stranger).toMatchObject({
        ok: false,
        code: 'untrusted-root',
        measurements: {},
        reportData: null,
      })
      expect(code({ roots: [AWS_NITRO_ROOT] })).toBe('ok')
    }
  })

  test('any changed byte is refused', () => {
    for (const document of documents.filter(({ expect }) => expect.valid).slice(0, 2)) {
      for (let at = 0; at < document.bytes.length; at += 211) {
        const bytes = document.bytes.with(at, (document.bytes[at] as number) ^ 0x40)
        const verdict = verifyNitro(bytes, null, timeOf(document), { version: 1, debug: true })
        expect(verdict.ok, `${document.file} at ${at}`).toBe(false)
        expect(isNotValid(verdict.code)).toBe(true)
      }
    }
  })
})
