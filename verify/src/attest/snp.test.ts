import { describe, expect, test } from 'vitest'
import { type RealFile, realEvidence, secondsOf, told } from '../../test/realEvidence.ts'
import { type CollateralFiles, type EvidencePolicy, isNotValid, type Verdict, verifySnp } from '../index.ts'

const all = realEvidence('snp')
const reports = all.filter(({ file }) => file.endsWith('.bin'))
const signed = reports.filter(({ entry }) => entry.certs)
const certificates = realEvidence('snp-cert')
const NOW = secondsOf('2026-11-24T12:00:00Z')

/** In the middle of the endorsement key's validity: nobody signs when a report was made. */
function timeOf({ expect: { vek_valid } }: RealFile): bigint {
  const [from = NOW, to = NOW] = (vek_valid ?? []).map(secondsOf)
  return (from + to) / 2n
}

/** The certificates that the manifest names, by their roles. */
function collateralOf({ entry }: RealFile): Map<string, Uint8Array> {
  const names = Object.entries(entry.certs ?? {})
  return new Map(
    names.map(([role, file]) => [role, certificates.find(found => found.file === file)?.bytes as Uint8Array]),
  )
}

const DEBUG: EvidencePolicy = { version: 1, debug: true }
const verify = (
  report: RealFile,
  policy?: EvidencePolicy,
  files: CollateralFiles = collateralOf(report),
): Verdict => verifySnp(report.bytes, files, timeOf(report), policy)

/** Every certificate of all makes, as in a folder. */
const folder: CollateralFiles = new Map(certificates.map(({ file, bytes }) => [file, bytes]))

describe(`AMD SEV-SNP reports (${told(reports)})`, () => {
  test('each gets the verdict that its manifest expects, with its own certificates and with a folder of all', () => {
    for (const report of reports) {
      const { file, expect: wanted } = report
      const valid = wanted.sig_ok && wanted.chain_ok
      for (const verdict of [verify(report), verify(report, undefined, folder)]) {
        expect(verdict.ok, `${file}: ${verdict.code}`).toBe(valid && !wanted.debug_allowed)
        if (!valid) expect(isNotValid(verdict.code), file).toBe(true)
        if (valid && wanted.debug_allowed) expect(verdict.code, file).toBe('debug-refused')
        if (!valid) continue
        expect(verdict, file).toMatchObject({ debug: wanted.debug_allowed, reportData: wanted.report_data })
        expect(verdict.measurements, file).toMatchObject({
          measurement: wanted.measurement,
          hostData: wanted.host_data,
          idKeyDigest: wanted.id_key_digest,
        })
        expect(verdict.tcb.guest, file).toBe(wanted.guest_svn)
        if (!/^0+$/.test(wanted.chip_id)) expect(verdict.platform.chipId, file).toBe(wanted.chip_id)
        const product = /milan|genoa|turin/.exec(file)?.[0]
        expect(verdict.platform.product?.toLowerCase(), file).toBe(product)
      }
    }
  })

  test('one of an unknown version has a code of its own, and debug is accepted by a policy that says so', () => {
    for (const report of reports.filter(({ entry }) => !entry.certs)) {
      expect(verify(report, DEBUG, folder).code, report.file).toBe('unsupported')
    }
    for (const report of signed)
      expect(verify(report, DEBUG), report.file).toMatchObject({ ok: true, code: 'ok' })
  })

  test('none is valid before its endorsement key, nor after it: a VLEK lives for a year', () => {
    for (const report of signed) {
      const [from, to] = report.expect.vek_valid.map(secondsOf)
      const codeAt = (time: bigint) => verifySnp(report.bytes, collateralOf(report), time, DEBUG).code
      expect([codeAt(from - 1n), codeAt(from), codeAt(to), codeAt(to + 1n)], report.file).toEqual([
        'not-yet-valid',
        'ok',
        'ok',
        'expired',
      ])
      if (report.expect.signing_key === 1) expect(codeAt(NOW), report.file).toBe('expired')
    }
  })

  test('an endorsement key of another chip or TCB is refused, and one that AMD did not sign', () => {
    for (const report of signed.filter(({ expect }) => expect.signing_key === 0)) {
      const time = timeOf(report)
      const veks = certificates.filter(({ entry }) => entry.subject === 'CN=SEV-VCEK')
      const refused = veks.map(({ bytes }) => {
        const alone = new Map([...folder].filter(([name]) => !veks.some(vek => vek.file === name))).set(
          'vek',
          bytes,
        )
        const own = verifySnp(report.bytes, alone, time, DEBUG)
        return own.ok ? undefined : own.code
      })
      const codes = new Set(refused.filter(code => code !== undefined))
      expect(codes, report.file).toContain('wrong-binding')
      for (const code of codes) expect(isNotValid(code), code).toBe(true)
    }
    for (const { bytes } of all.filter(({ file }) => file.endsWith('.der'))) {
      const milan = signed.find(({ file }) => file.includes('v2-milan-confidential')) as RealFile
      expect(verify(milan, DEBUG, collateralOf(milan).set('vek', bytes)).code).toBe('broken-chain')
    }
  })

  test('any changed byte of a report is refused, and of a certificate too', () => {
    for (const report of signed) {
      for (let at = 0; at < report.bytes.length; at += 37) {
        const bytes = report.bytes.with(at, (report.bytes[at] as number) ^ 0x10)
        const verdict = verifySnp(bytes, collateralOf(report), timeOf(report), DEBUG)
        expect(isNotValid(verdict.code), `${report.file} at ${at}: ${verdict.code}`).toBe(true)
      }
      for (const [role, bytes] of collateralOf(report)) {
        for (let at = 0; at < bytes.length; at += 211) {
          const changed = bytes.with(at, (bytes[at] as number) ^ 0x10)
          const verdict = verify(report, DEBUG, collateralOf(report).set(role, changed))
          expect(verdict.ok, `${report.file}, ${role} at ${at}`).toBe(false)
        }
      }
    }
  })
})
