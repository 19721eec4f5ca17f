import { describe, expect, test } from 'vitest'
import { realEvidence, secondsOf, told } from '../../test/realEvidence.ts'
import { type CollateralFiles, fromUtf8, isNotValid, utf8, verifyDstack } from '../index.ts'

/** When the PCK certificates of all and the collateral of the folder were valid: half of one day. */
const TIME = secondsOf('2026-04-15T12:00:00Z')
const bundles = realEvidence('dstack')
const collateral: CollateralFiles = new Map(
  realEvidence('dcap-collateral').map(({ file, bytes }) => [file, bytes]),
)

/** As the guests recorded them. */
const APPS: Record<string, Record<string, string>> = {
  'dstack/quote-report.json': {
    composeHash: '3763bc34552cf3a27ff71ad5f7a90471562a1a2df552dfc1998cba2d60da27e7',
    appId: '3763bc34552cf3a27ff71ad5f7a90471562a1a2d',
    instanceId: 'c3714eb66990eace777b4e664c16e09375dec4c9',
  },
  'dstack/tdx-lite-getquote.json': {
    composeHash: '86b0e55f2fa8e4fb69d890f14f54d5612707646e2573d54e0d2ddaaade77caa9',
    appId: '86b0e55f2fa8e4fb69d890f14f54d5612707646e',
    osImageHash: '07a2388c7a6a1b6a646d443f1517990a4ec294471d63146cda9d56972765051d',
  },
}

describe(`bundles of dstack (${told(bundles)})`, () => {
  test('their events give RTMR3, and with Intel’s collateral of their time they are valid', () => {
    for (const { file, bytes } of bundles) {
      const verdict = verifyDstack(bytes, collateral, TIME)
      expect(verdict, `${file}: ${verdict.code}`).toMatchObject({
        ok: true,
        tcbStatus: 'UpToDate',
        debug: false,
      })
      expect(verdict.measurements, file).toMatchObject(APPS[file] ?? {})
      expect(verdict.reportData, file).toBe(JSON.parse(fromUtf8(bytes)).report_data)
      expect(verifyDstack(bytes, new Map(), TIME).code, file).toBe('missing-collateral')
      const app = new Map([...collateral, ['app-compose.json', utf8('{}')]])
      expect(verifyDstack(bytes, app, TIME).code, file).toBe('wrong-binding')
    }
  })

  test('a log in which anything of register 3 is changed is refused', () => {
    for (const { file, bytes } of bundles) {
      const bundle = JSON.parse(fromUtf8(bytes))
      const log = JSON.parse(bundle.event_log)
      const changed = (events: object[]) =>
        utf8(JSON.stringify({ ...bundle, event_log: JSON.stringify(events) }))
      expect(verifyDstack(changed(log), collateral, TIME).ok, file).toBe(true)
      for (const [i, event] of log.entries()) {
        if (event.imr !== 3) continue
        const payload = { ...event, event_payload: `${event.event_payload}00`, digest: '' }
        for (const events of [
          log.with(i, payload),
          log.toSpliced(i, 1),
          log.with(i, { ...event, event: 'x', digest: '' }),
        ]) {
          expect(
            isNotValid(verifyDstack(changed(events), collateral, TIME).code),
            `${file}, event ${i}`,
          ).toBe(true)
        }
      }
    }
  })
})
