import { describe, expect, test } from 'vitest'
import { realEvidence, secondsOf, told } from '../../test/realEvidence.ts'
import {
  type CollateralFiles,
  type EvidencePolicy,
  isNotValid,
  type TcbStatus,
  type Verdict,
  verifySgx,
  verifyTdx,
} from '../index.ts'

const NOW = secondsOf('2026-11-24T12:00:00Z')
const quotes = [...realEvidence('tdx'), ...realEvidence('sgx')]
const collateral: CollateralFiles = new Map(
  realEvidence('dcap-collateral').map(({ file, bytes }) => [file, bytes]),
)
type Quote = (typeof quotes)[number]

const LENIENT: EvidencePolicy = {
  version: 1,
  debug: true,
  tcbStatuses: ['UpToDate', 'SWHardeningNeeded', 'ConfigurationAndSWHardeningNeeded', 'OutOfDate'],
}

function verify({ tee, bytes }: Quote, time: bigint, policy?: EvidencePolicy, files = collateral): Verdict {
  return (tee === 'tdx' ? verifyTdx : verifySgx)(bytes, files, time, policy)
}

/** What the collateral in the folder says of them, all of it, as of when it was current. */
const RATED: [name: string, at: string, code: Verdict['code'], status: TcbStatus | null][] = [
  ['tdx/v4-dstack-tee-90c06f000000', '2026-03-18', 'ok', 'UpToDate'],
  ['tdx/v4-google-00806f050000', '2025-06-20', 'ok', 'UpToDate'],
  ['tdx/v4-automata-network-00806f050000', '2025-06-20', 'tcb-status-not-accepted', 'OutOfDate'],
  ['tdx/debug-v4-confidential-containers-50806f000000', '2026-03-18', 'debug-refused', 'OutOfDate'],
  ['tdx/v5-phala-network-90c06f000000', '2026-03-18', 'unknown-tcb', null],
  ['tdx/v4-phala-network-b0c06f000000', '2025-07-01', 'unknown-tcb', null],
  ['tdx/v4-dstack-tee-b0c06f000000', '2026-02-20', 'stale-collateral', null],
  ['sgx/debug-v3-confidential-containers-00606a000000', '2025-06-20', 'debug-refused', 'OutOfDate'],
  ['sgx/v3-automata-network-00606a000000', '2025-06-20', 'tcb-status-not-accepted', 'SWHardeningNeeded'],
  [
    'sgx/v3-phala-network-00a067110000',
    '2025-06-20',
    'tcb-status-not-accepted',
    'ConfigurationAndSWHardeningNeeded',
  ],
]

describe(`Intel quotes (${told(quotes)}, ${collateral.size} of collateral)`, () => {
  test('signatures, chain and root of each hold, as its manifest says; without collateral none is valid', () => {
    for (const quote of quotes) {
      const { file, expect: wanted } = quote
      const { code, checks } = verify(quote, secondsOf(wanted.pck_valid[0]), LENIENT, new Map())
      const holds = (name: string) => checks.find(check => check.name === name)?.ok
      expect(code, file).toBe('missing-collateral')
      expect(holds('root'), file).toBe(wanted.root_is_intel)
      expect(holds('certificates'), file).toBe(wanted.chain_ok)
      expect(holds('quoting-enclave-signature'), file).toBe(wanted.qe_sig_ok)
      expect(holds('attestation-key'), file).toBe(wanted.qe_binds_ak)
      expect(holds('signature'), file).toBe(wanted.quote_sig_ok)
    }
  })

  test('with all the collateral there is, each gets its verdict as of then', () => {
    for (const [name, at, code, status] of RATED) {
      const quote = quotes.find(({ file }) => file.startsWith(name))
      if (!quote) continue
      const verdict = verify(quote, secondsOf(`${at}T00:00:00Z`))
      expect([verdict.code, verdict.tcbStatus], name).toEqual([code, status])
      expect(verdict.ok, name).toBe(code === 'ok')
    }
  })

  test('a policy that says so accepts debug and other statuses, and then it tells what the manifest does', () => {
    for (const [name, at, , status] of RATED.filter(([, , , status]) => status !== null)) {
      const quote = quotes.find(({ file }) => file.startsWith(name))
      if (!quote) continue
      const { expect: wanted } = quote
      const verdict = verify(quote, secondsOf(`${at}T00:00:00Z`), LENIENT)
      expect(verdict, name).toMatchObject({
        ok: true,
        code: 'ok',
        debug: wanted.debug,
        tcbStatus: status,
        reportData: wanted.report_data,
        platform: { fmspc: wanted.fmspc, pceId: wanted.pceid },
      })
      const registers = 'mrtd mrseam mrconfigid rtmr0 rtmr1 rtmr2 rtmr3 xfam mrenclave mrsigner attributes'
      for (const register of registers.split(' ')) {
        if (wanted[register] !== undefined)
          expect(verdict.measurements[register], name).toBe(wanted[register])
      }
    }
  })

  test('today the collateral of each is stale', () => {
    for (const quote of quotes) {
      const verdict = verify(quote, NOW, LENIENT)
      expect([verdict.ok, verdict.code], quote.file).toEqual([false, 'stale-collateral'])
    }
  })

  test('any changed byte is refused', () => {
    for (const [name, at] of RATED.filter(([, , code]) => code === 'ok')) {
      const quote = quotes.find(({ file }) => file.startsWith(name))
      if (!quote) continue
      for (let offset = 0; offset < quote.bytes.length; offset += 331) {
        const bytes = quote.bytes.with(offset, (quote.bytes[offset] as number) ^ 0x40)
        const verdict = verify({ ...quote, bytes }, secondsOf(`${at}T00:00:00Z`), LENIENT)
        expect([verdict.ok, isNotValid(verdict.code)], `${name} at ${offset}`).toEqual([false, true])
      }
    }
  })
})
