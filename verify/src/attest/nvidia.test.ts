import { describe, expect, test } from 'vitest'
import { type RealFile, realEvidence, secondsOf, told } from '../../test/realEvidence.ts'
import { type CollateralFiles, fromHex, fromUtf8, isNotValid, type Verdict, verifyNvidia } from '../index.ts'

const NOW = secondsOf('2026-11-24T12:00:00Z')
const files = realEvidence('nvidia')
const reports = files.filter(({ file }) => file.includes('AttestationReport'))
const collateral: CollateralFiles = new Map(
  files
    .filter(({ file }) => !reports.some(report => report.file === file))
    .map(({ file, bytes }) => [file, bytes]),
)
const isBroken = ({ file }: RealFile): boolean => file.includes('InvalidSignature')

/** The files have hex. */
const bytesOf = ({ bytes }: RealFile): Uint8Array => fromHex(`0x${fromUtf8(bytes).trim()}`)
const verify = (report: RealFile, policy?: Parameters<typeof verifyNvidia>[3]): Verdict =>
  verifyNvidia(bytesOf(report), collateral, NOW, policy)

describe(`NVIDIA's reports (${told(reports)})`, () => {
  test('each gets the verdict that its manifest expects, and says that it is partial', () => {
    for (const report of reports) {
      const verdict = verify(report)
      expect(verdict.code, report.file).toBe(isBroken(report) ? 'bad-signature' : 'ok')
      expect(Object.keys(verdict.measurements), report.file).toHaveLength(isBroken(report) ? 0 : 64)
      if (isBroken(report)) continue
      expect(verdict.partial).toContain('reference values')
      expect(verdict.platform).toEqual({
        deviceId: 'NVIDIA:GH100:48B02D7A7CD27FC3',
        driverVersion: '535.86.09',
        vbiosVersion: '96.00.5E.00.01',
        project: '1010',
      })
      expect(verify(report, { version: 1, partial: false }).code).toBe('partial-refused')
    }
  })

  test('the nonce is that of the request, and only that', () => {
    for (const report of reports.filter(report => !isBroken(report))) {
      const nonce = fromUtf8(report.bytes).slice(8, 72)
      expect(verify(report, { version: 1, nonce }).code).toBe('ok')
      expect(verify(report, { version: 1, nonce: nonce.slice(2) }).code).toBe('nonce-mismatch')
    }
  })

  test('any changed byte is refused, and a chain with any certificate left out', () => {
    for (const report of reports.filter(report => !isBroken(report))) {
      const bytes = bytesOf(report)
      for (let at = 0; at < bytes.length; at += 97) {
        const changed = bytes.with(at, (bytes[at] as number) ^ 0x10)
        expect(isNotValid(verifyNvidia(changed, collateral, NOW).code), `${report.file} at ${at}`).toBe(true)
      }
      const [name, chain] = [...collateral].find(([file]) => file.includes('CertChain')) as [
        string,
        Uint8Array,
      ]
      const certificates = fromUtf8(chain).match(/-----BEGIN[\s\S]*?END CERTIFICATE-----/g) ?? []
      expect(certificates).toHaveLength(5)
      for (const [i] of certificates.entries()) {
        const rest = new TextEncoder().encode(certificates.toSpliced(i, 1).join('\n'))
        expect(verifyNvidia(bytes, new Map([[name, rest]]), NOW).ok).toBe(false)
      }
    }
  })
})
