import { describe, expect, test } from 'vitest'
import {
  bundleOf,
  createDcapAuthority,
  createSigner,
  type DcapOptions,
  issueX509,
  pemOf,
} from '../../../test/mock-authority/index.ts'
import { highS } from '../../test/p256.ts'
import {
  type CollateralFiles,
  concat,
  type EvidencePolicy,
  fromHex,
  isNotValid,
  toHex,
  utf8,
  type Verdict,
  verifySgx,
  verifyTdx,
} from '../index.ts'

const TIME = 1_790_000_000n
const DAY = 86_400n
const authority = createDcapAuthority('dcap mock')
const stranger = createSigner('p256', 'a stranger')

type Options = Partial<DcapOptions>

function verify(options: Options = {}, policy: Partial<EvidencePolicy> = {}, time = TIME): Verdict {
  const all = { time: TIME, tee: 'tdx' as const, ...options }
  const { quote, files, pin } = authority.issue(all)
  const run = all.tee === 'tdx' ? verifyTdx : verifySgx
  return run(quote, files, time, { version: 1, roots: [pin], ...policy })
}

const failed = ({ checks }: Verdict): string[] =>
  checks.filter(({ ok, detail }) => !ok && !detail.startsWith('not established')).map(({ name }) => name)

const bytes = (size: number, fill = 0): Uint8Array => new Uint8Array(size).fill(fill)
const without = (name: string) => (files: Map<string, Uint8Array>) => {
  files.delete(name)
}

describe('valid quotes', () => {
  const cases: [string, Options][] = [
    ['TDX, version 4', {}],
    ['TDX 1.0, version 5', { version: 5, td15: false }],
    ['TDX 1.5, version 5', { version: 5 }],
    ['a TDX module of major version 0', { td: { teeTcbSvn: Uint8Array.of(5, 0, 3) } }],
    ['zeros behind it, as real quotes have', { quote: quote => concat(quote, bytes(70)) }],
    ['SGX, version 3', { tee: 'sgx' }],
    ['SGX, version 4', { tee: 'sgx', version: 4 }],
    ['SGX, version 5', { tee: 'sgx', version: 5 }],
    ['versions above what Intel wants', { platform: { sgxSvns: Array(16).fill(255), pceSvn: 65_535 } }],
    ['fields of the JSON that are new', { tcbInfo: info => Object.assign(info, { later: 1 }) }],
    ['levels in any order', { tcbInfo: info => info.tcbLevels.reverse() }],
  ]
  test.each(cases)('%s', (_, options) => {
    const verdict = verify(options)
    expect(failed(verdict)).toEqual([])
    expect(verdict).toMatchObject({
      ok: true,
      code: 'ok',
      tcbStatus: 'UpToDate',
      advisories: [],
      debug: false,
      partial: null,
      pinned: false,
    })
  })

  test('both signatures of a quote are valid: its bytes are no replay key', () => {
    const twin = verify({ quote: quote => replace(quote, 636, highS(quote.slice(636, 700))) })
    expect(twin.code).toBe('ok')
  })

  test('what a TDX quote says', () => {
    const { measurements, reportData, platform, tcb } = verify({ version: 5 })
    expect(measurements).toMatchObject({
      mrtd: 'd1'.repeat(48),
      rtmr0: 'a0'.repeat(48),
      rtmr3: 'a3'.repeat(48),
      tdAttributes: '0000001000000000',
      xfam: 'e702060000000000',
      mrservicetd: '00'.repeat(48),
    })
    expect(Object.keys(measurements).sort()).toEqual(
      'mrconfigid mrowner mrownerconfig mrseam mrservicetd mrtd rtmr0 rtmr1 rtmr2 rtmr3 tdAttributes xfam'.split(
        ' ',
      ),
    )
    expect(reportData).toBe(toHex(concat(utf8('mock report data'), bytes(48))).slice(2))
    expect(platform).toEqual({
      fmspc: '00906ed50000',
      pceId: '0000',
      ppid: '0123456789abcdef0123456789abcdef',
    })
    expect(tcb).toMatchObject({
      sgxtcbcomp01svn: 4,
      sgxtcbcomp16svn: 0,
      tdxtcbcomp03svn: 3,
      pcesvn: 13,
      qeisvsvn: 6,
      tcbEvaluationDataNumber: 18,
    })
  })

  test('what an SGX quote says', () => {
    expect(verify({ tee: 'sgx' })).toMatchObject({
      measurements: {
        mrenclave: 'e1'.repeat(32),
        mrsigner: 'e2'.repeat(32),
        isvprodid: '0003',
        attributes: '0500000000000000e700000000000000',
        miscselect: '00000000',
      },
      tcb: { isvsvn: 4, pcesvn: 13 },
    })
  })
})

function replace(all: Uint8Array, at: number, part: Uint8Array): Uint8Array {
  return concat(all.subarray(0, at), part, all.subarray(at + part.length))
}

/** What is broken, the code, and the check that says so: the first that fails. */
type Case = [string, Options, string, string]

describe('broken in one place', () => {
  const format: Case[] = [
    ['nothing', { quote: () => bytes(0) }, 'malformed', 'format'],
    ['cut short', { quote: quote => quote.subarray(0, -1) }, 'malformed', 'format'],
    ['a byte behind it', { quote: quote => concat(quote, Uint8Array.of(0, 1)) }, 'malformed', 'format'],
    ['too large', { quote: quote => concat(quote, bytes(16_384)) }, 'too-large', 'format'],
    ['version 2', { header: { version: 2 } }, 'unsupported', 'format'],
    ['version 6', { header: { version: 6 } }, 'unsupported', 'format'],
    ['a key on another curve', { header: { keyType: 3 } }, 'unsupported', 'format'],
    ['another TEE', { header: { teeType: 0x82 } }, 'unsupported', 'format'],
    ['TDX in version 3', { header: { version: 3 } }, 'unsupported', 'format'],
    ['a quote of SGX for one of TDX', { header: { teeType: 0 } }, 'malformed', 'format'],
    ['another vendor', { header: { vendor: bytes(16) } }, 'unsupported', 'format'],
    [
      'a report of another type',
      { version: 5, body: body => replace(body, 0, Uint8Array.of(4)) },
      'unsupported',
      'format',
    ],
    [
      'an SGX report in a quote of TDX',
      { version: 5, body: body => replace(body, 0, Uint8Array.of(1)) },
      'unsupported',
      'format',
    ],
    [
      'a report of another size',
      { version: 5, body: body => replace(body, 2, Uint8Array.of(0x89)) },
      'malformed',
      'format',
    ],
    ['a certificate in the place of a chain', { certification: { type: 4 } }, 'unsupported', 'format'],
    ['an encrypted PPID', { tee: 'sgx', certification: { type: 3 } }, 'unsupported', 'format'],
    ['other certification data outside', { certification: { outer: 5 } }, 'unsupported', 'format'],
    ['more inside', { certification: { behind: bytes(1) } }, 'malformed', 'format'],
    [
      'more in the signatures of version 3',
      { tee: 'sgx', certification: { behind: bytes(1) } },
      'malformed',
      'format',
    ],
  ]
  const chain: Case[] = [
    ['two certificates', { chain: chain => chain.slice(0, 2) }, 'broken-chain', 'root'],
    ['four certificates', { chain: chain => [...chain, chain[2]!] }, 'broken-chain', 'root'],
    ['no certificate', { chain: () => [] }, 'malformed', 'root'],
    ['in another order', { chain: chain => chain.reverse() }, 'untrusted-root', 'root'],
    ['the PCK signed by a stranger', { signers: { pck: stranger } }, 'broken-chain', 'certificates'],
    ['the issuer signed by a stranger', { signers: { issuer: stranger } }, 'broken-chain', 'certificates'],
    [
      'the PCK names another issuer',
      { certificates: { pck: { issuer: 'Intel SGX Root CA' } } },
      'broken-chain',
      'certificates',
    ],
    [
      'the issuer is no authority',
      { certificates: { issuer: { authority: false, pathLength: undefined as never } } },
      'broken-chain',
      'certificates',
    ],
    [
      'the issuer may not certify',
      { certificates: { issuer: { keyUsage: 0x02 } } },
      'broken-chain',
      'certificates',
    ],
    [
      'the root allows no authority below it',
      { certificates: { root: { pathLength: 0 } } },
      'broken-chain',
      'certificates',
    ],
    [
      'the PCK is an authority',
      { certificates: { pck: { authority: true } } },
      'broken-chain',
      'certificates',
    ],
    ['the PCK may not sign', { certificates: { pck: { keyUsage: 0x40 } } }, 'broken-chain', 'certificates'],
    ['the PCK has expired', { certificates: { pck: { notAfter: TIME - 1n } } }, 'expired', 'certificates'],
    [
      'the issuer has expired',
      { certificates: { issuer: { notAfter: TIME - 1n } } },
      'expired',
      'certificates',
    ],
    ['the root has expired', { certificates: { root: { notAfter: TIME - 1n } } }, 'expired', 'certificates'],
    [
      'the PCK is of tomorrow',
      { certificates: { pck: { notBefore: TIME + 1n } } },
      'not-yet-valid',
      'certificates',
    ],
    [
      'the PCK does not tell its machine',
      { certificates: { pck: { extensions: [] } } },
      'malformed',
      'platform',
    ],
    ['the machine is malformed', { platform: { extension: fromHex('0x3000') } }, 'malformed', 'platform'],
    ['an FMSPC of five bytes', { platform: { fmspc: '00906ed500' } }, 'malformed', 'platform'],
    ['fifteen components', { platform: { sgxSvns: Array(15).fill(4) } }, 'malformed', 'platform'],
  ]
  const signatures: Case[] = [
    [
      "the quoting enclave's report signed by a stranger",
      { signers: { qe: stranger } },
      'bad-signature',
      'quoting-enclave-signature',
    ],
    [
      'another attestation key vouched for',
      { qe: { reportData: bytes(64) } },
      'wrong-binding',
      'attestation-key',
    ],
    ['the quote signed by a stranger', { signers: { quote: stranger } }, 'bad-signature', 'signature'],
    [
      'a measurement changed afterwards',
      { quote: quote => replace(quote, 48 + 136, bytes(48)) },
      'bad-signature',
      'signature',
    ],
    [
      'the header changed afterwards',
      { quote: quote => replace(quote, 30, bytes(1, 1)) },
      'bad-signature',
      'signature',
    ],
  ]
  const revocation: Case[] = [
    ['the PCK is revoked', { crls: { pck: { revoked: [7, 3] } } }, 'revoked', 'revocation'],
    ['its issuer is revoked', { crls: { root: { revoked: [2] } } }, 'revoked', 'revocation'],
    ['the root revokes itself', { crls: { root: { revoked: [1] } } }, 'revoked', 'revocation'],
    [
      "the collateral's signer is revoked",
      { crls: { root: { revoked: [4] } } },
      'revoked',
      'collateral-signer',
    ],
    ['no list of the root', { files: without('root_ca.crl') }, 'missing-collateral', 'revocation'],
    ['no list of the issuer', { files: without('pck.crl') }, 'missing-collateral', 'revocation'],
    [
      'a list of another issuer',
      { crls: { pck: { issuer: 'Intel SGX PCK Processor CA' } } },
      'missing-collateral',
      'revocation',
    ],
    [
      "the issuer's list signed by the root",
      { signers: { pckCrl: createSigner('p256', 'dcap mock root') } },
      'bad-collateral',
      'revocation',
    ],
    [
      "the root's list signed by a stranger",
      { signers: { rootCrl: stranger } },
      'bad-collateral',
      'revocation',
    ],
    [
      'the issuer may not revoke',
      { certificates: { issuer: { keyUsage: 0x04 } } },
      'bad-collateral',
      'revocation',
    ],
    [
      "the issuer's list is stale",
      { crls: { pck: { nextUpdate: TIME - 1n } } },
      'stale-collateral',
      'revocation',
    ],
    [
      "the root's list is stale",
      { crls: { root: { nextUpdate: TIME - 1n } } },
      'stale-collateral',
      'revocation',
    ],
    ['a list of tomorrow', { crls: { pck: { thisUpdate: TIME + 1n } } }, 'not-yet-valid', 'revocation'],
    ['a list that never ends', { crls: { pck: { nextUpdate: null } } }, 'bad-collateral', 'revocation'],
  ]
  const collateral: Case[] = [
    ['no collateral at all', { files: files => files.clear() }, 'missing-collateral', 'revocation'],
    ['no TCB info', { files: without('tcb_info.json') }, 'missing-collateral', 'tcb-info'],
    ['no identity', { files: without('qe_identity.json') }, 'missing-collateral', 'quoting-enclave-identity'],
    [
      'no certificate of the signer',
      { files: without('tcb_signing_chain.pem') },
      'missing-collateral',
      'collateral-signer',
    ],
    [
      'TCB info of other machines',
      { tcbInfo: info => Object.assign(info, { fmspc: '00906ED50001' }) },
      'missing-collateral',
      'tcb-info',
    ],
    [
      'TCB info of another provisioning enclave',
      { tcbInfo: info => Object.assign(info, { pceId: '0001' }) },
      'missing-collateral',
      'tcb-info',
    ],
    [
      'TCB info of SGX for TDX',
      { tcbInfo: info => Object.assign(info, { id: 'SGX' }) },
      'missing-collateral',
      'tcb-info',
    ],
    [
      'the identity of the quoting enclave of SGX',
      { identity: qe => Object.assign(qe, { id: 'QE' }) },
      'missing-collateral',
      'quoting-enclave-identity',
    ],
    ['TCB info signed by a stranger', { signers: { tcbInfo: stranger } }, 'bad-collateral', 'tcb-info'],
    [
      'an identity signed by a stranger',
      { signers: { identity: stranger } },
      'bad-collateral',
      'quoting-enclave-identity',
    ],
    [
      'TCB info changed afterwards',
      { files: changed('tcb_info.json', '"OutOfDate"', '"UpToDate" ') },
      'bad-collateral',
      'tcb-info',
    ],
    [
      'an identity changed afterwards',
      { files: changed('qe_identity.json', '"isvsvn":4', '"isvsvn":1') },
      'bad-collateral',
      'quoting-enclave-identity',
    ],
    [
      'TCB info written anew',
      { files: changed('tcb_info.json', '{"tcbInfo":', '{ "tcbInfo":') },
      'bad-collateral',
      'collateral',
    ],
    [
      'TCB info that is no JSON',
      { files: changed('tcb_info.json', '"fmspc":', '"fmspc"') },
      'bad-collateral',
      'tcb-info',
    ],
    [
      'a signature that is cut short',
      { files: changed('tcb_info.json', '"signature":"', '"signature":"00') },
      'bad-collateral',
      'collateral',
    ],
    [
      'stale TCB info',
      { tcbInfo: info => Object.assign(info, { nextUpdate: '2026-09-20T00:00:00Z' }) },
      'stale-collateral',
      'tcb-info',
    ],
    [
      'a stale identity',
      { identity: qe => Object.assign(qe, { nextUpdate: '2026-09-20T00:00:00Z' }) },
      'stale-collateral',
      'quoting-enclave-identity',
    ],
    [
      'TCB info of later',
      { tcbInfo: info => Object.assign(info, { issueDate: '2026-10-20T00:00:00Z' }) },
      'not-yet-valid',
      'tcb-info',
    ],
    [
      'a date that is none',
      { tcbInfo: info => Object.assign(info, { issueDate: '2026-02-30T00:00:00Z' }) },
      'bad-collateral',
      'tcb-info',
    ],
    [
      'TCB info of version 4',
      { tcbInfo: info => Object.assign(info, { version: 4 }) },
      'bad-collateral',
      'tcb-info',
    ],
    [
      'an identity of version 3',
      { identity: qe => Object.assign(qe, { version: 3 }) },
      'bad-collateral',
      'quoting-enclave-identity',
    ],
    [
      'another way to compare versions',
      { tcbInfo: info => Object.assign(info, { tcbType: 1 }) },
      'bad-collateral',
      'tcb-info',
    ],
    ['no level', { tcbInfo: info => Object.assign(info, { tcbLevels: [] }) }, 'bad-collateral', 'tcb-info'],
    [
      'fifteen components in a level',
      { tcbInfo: info => info.tcbLevels[0].tcb.sgxtcbcomponents.pop() },
      'bad-collateral',
      'tcb-info',
    ],
    [
      'no components of TDX',
      { tcbInfo: info => delete info.tcbLevels[0].tcb.tdxtcbcomponents },
      'bad-collateral',
      'tcb-info',
    ],
    [
      'an unknown status',
      { tcbInfo: info => Object.assign(info.tcbLevels[0], { tcbStatus: 'Fine' }) },
      'bad-collateral',
      'tcb-info',
    ],
    [
      'the signer certified by a stranger',
      { signers: { signer: stranger } },
      'broken-chain',
      'collateral-signer',
    ],
    [
      'the signer has expired',
      { certificates: { signer: { notAfter: TIME - 1n } } },
      'expired',
      'collateral-signer',
    ],
    [
      'the signer may not sign',
      { certificates: { signer: { keyUsage: 0x40 } } },
      'broken-chain',
      'collateral-signer',
    ],
    [
      'the signer is an authority',
      { certificates: { signer: { authority: true } } },
      'broken-chain',
      'collateral-signer',
    ],
    [
      'the signer has another name',
      { certificates: { signer: { subject: 'Intel SGX PCK Certificate' } } },
      'missing-collateral',
      'collateral-signer',
    ],
  ]
  const enclave: Case[] = [
    [
      'another signer of the quoting enclave',
      { qe: { mrSigner: bytes(32) } },
      'wrong-identity',
      'quoting-enclave',
    ],
    ['another product', { qe: { isvProdId: 1 } }, 'wrong-identity', 'quoting-enclave'],
    ['other MISCSELECT', { qe: { miscSelect: bytes(4, 1) } }, 'wrong-identity', 'quoting-enclave'],
    ['other ATTRIBUTES', { qe: { attributes: Uint8Array.of(0x05) } }, 'wrong-identity', 'quoting-enclave'],
    [
      'a quoting enclave in debug mode',
      { qe: { attributes: Uint8Array.of(0x17) } },
      'wrong-identity',
      'quoting-enclave',
    ],
    [
      'one that Intel would let pass',
      {
        qe: { attributes: Uint8Array.of(0x17) },
        identity: qe => Object.assign(qe, { attributesMask: 'F9FFFFFFFFFFFFFF0000000000000000' }),
      },
      'wrong-identity',
      'quoting-enclave',
    ],
    ['a version that Intel does not rate', { qe: { isvSvn: 1 } }, 'unknown-tcb', 'quoting-enclave'],
    ['a version that is revoked', { qe: { isvSvn: 2 } }, 'revoked', 'tcb'],
  ]
  const td: Case[] = [
    [
      'another signer of the TDX module',
      { td: { mrSignerSeam: bytes(48, 1) } },
      'wrong-identity',
      'tdx-module',
    ],
    [
      'SEAMATTRIBUTES that are not zero',
      { td: { seamAttributes: bytes(1, 1) } },
      'wrong-identity',
      'tdx-module',
    ],
    [
      'a module of an unknown major version',
      { td: { teeTcbSvn: Uint8Array.of(5, 2, 3) } },
      'unknown-tcb',
      'tdx-module',
    ],
    ['a module of an unknown version', { td: { teeTcbSvn: Uint8Array.of(0, 1, 3) } }, 'unknown-tcb', 'tcb'],
    ['a module that is revoked', { td: { teeTcbSvn: Uint8Array.of(1, 1, 3) } }, 'revoked', 'tcb'],
    ['microcode below every level', { td: { teeTcbSvn: Uint8Array.of(5, 1, 1) } }, 'unknown-tcb', 'tcb'],
    ['a CPU below every level', { platform: { sgxSvns: Array(16).fill(1) } }, 'unknown-tcb', 'tcb'],
    ['a provisioning enclave below every level', { platform: { pceSvn: 12 } }, 'unknown-tcb', 'tcb'],
    [
      'a revoked level',
      { tcbInfo: info => Object.assign(info.tcbLevels[0], { tcbStatus: 'Revoked' }) },
      'revoked',
      'tcb',
    ],
    [
      'a reserved bit of TDATTRIBUTES',
      { td: { tdAttributes: Uint8Array.of(2, 0, 0, 0x10) } },
      'unsupported',
      'td-attributes',
    ],
    [
      'another one',
      { td: { tdAttributes: Uint8Array.of(0, 0, 0, 0x10, 1) } },
      'unsupported',
      'td-attributes',
    ],
  ]
  const sgx: Case[] = [
    [
      'SGX: a CPU below every level',
      { tee: 'sgx', platform: { sgxSvns: Array(16).fill(1) } },
      'unknown-tcb',
      'tcb',
    ],
    [
      'SGX: a revoked level',
      { tee: 'sgx', tcbInfo: info => Object.assign(info.tcbLevels[0], { tcbStatus: 'Revoked' }) },
      'revoked',
      'tcb',
    ],
    [
      'SGX: the quote signed by a stranger',
      { tee: 'sgx', signers: { quote: stranger } },
      'bad-signature',
      'signature',
    ],
    [
      'SGX: TCB info of TDX',
      { tee: 'sgx', tcbInfo: info => Object.assign(info, { id: 'TDX' }) },
      'missing-collateral',
      'tcb-info',
    ],
  ]
  const all = [...format, ...chain, ...signatures, ...revocation, ...collateral, ...enclave, ...td, ...sgx]
  test.each(all)('%s', (_, options, code, check) => {
    const verdict = verify(options)
    expect([verdict.code, failed(verdict)[0]]).toEqual([code, check])
    expect(verdict.ok).toBe(false)
    expect(isNotValid(verdict.code)).toBe(true)
    expect(verdict.measurements).toEqual({})
    // Nothing that a policy can say makes it valid.
    const lenient = verify(options, { debug: true, tcbStatuses: ['UpToDate', 'OutOfDate'] })
    expect(lenient.code).toBe(code)
  })

  test("the mock root is none that is trusted by default, nor Intel's one that the mock has", () => {
    const { quote, files } = authority.issue({ time: TIME, tee: 'tdx' })
    expect(verifyTdx(quote, files, TIME)).toMatchObject({ ok: false, code: 'untrusted-root' })
    expect(verify({}, { roots: ['11'.repeat(32)] }).code).toBe('untrusted-root')
  })

  test('any changed byte of what is signed or signs is refused', () => {
    const { quote, files, pin } = authority.issue({ time: TIME, tee: 'tdx' })
    const policy: EvidencePolicy = { version: 1, roots: [pin], debug: true }
    for (let at = 0; at < quote.length; at += 53) {
      const changed = quote.with(at, (quote[at] as number) ^ 0x10)
      expect(verifyTdx(changed, files, TIME, policy).ok, String(at)).toBe(false)
    }
  })
})

function changed(name: string, from: string, to: string) {
  return (files: Map<string, Uint8Array>): void => {
    const text = String.fromCharCode(...(files.get(name) as Uint8Array))
    expect(text).toContain(from)
    files.set(name, utf8(text.replace(from, to)))
  }
}

describe('valid, but not wanted by default', () => {
  const cases: [string, Options, Partial<EvidencePolicy>, string, Partial<Verdict>][] = [
    [
      'a TD under debug',
      { td: { tdAttributes: Uint8Array.of(1, 0, 0, 0x10) } },
      { debug: true },
      'debug-refused',
      { debug: true },
    ],
    [
      'a TD that is profiled',
      { td: { tdAttributes: Uint8Array.of(0x20, 0, 0, 0x10) } },
      { debug: true },
      'debug-refused',
      { debug: true },
    ],
    [
      'an enclave under debug',
      { tee: 'sgx', enclave: { attributes: Uint8Array.of(7) } },
      { debug: true },
      'debug-refused',
      { debug: true },
    ],
    [
      'a TD that may be migrated',
      { td: { tdAttributes: Uint8Array.of(0, 0, 0, 0x30) } },
      { migration: true },
      'migration-refused',
      { migratable: true },
    ],
    [
      'a TD that a service TD may migrate',
      { version: 5, td: { mrServiceTd: bytes(48, 1) } },
      { migration: true },
      'migration-refused',
      { migratable: true },
    ],
    [
      'an out-of-date CPU',
      { platform: { sgxSvns: [3, 3, 2, 2, 3, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0] } },
      { tcbStatuses: ['OutOfDate'] },
      'tcb-status-not-accepted',
      { tcbStatus: 'OutOfDate', advisories: ['MOCK-SA-00001'] },
    ],
    [
      'an out-of-date CPU of SGX',
      { tee: 'sgx', platform: { sgxSvns: [3, 3, 2, 2, 3, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0] } },
      { tcbStatuses: ['OutOfDate'] },
      'tcb-status-not-accepted',
      { tcbStatus: 'OutOfDate', advisories: ['MOCK-SA-00001'] },
    ],
    [
      'an out-of-date TDX module',
      { td: { teeTcbSvn: Uint8Array.of(4, 1, 3) } },
      { tcbStatuses: ['OutOfDate'] },
      'tcb-status-not-accepted',
      { tcbStatus: 'OutOfDate', advisories: ['MOCK-SA-00002'] },
    ],
    [
      'an out-of-date quoting enclave, and microcode',
      { td: { teeTcbSvn: Uint8Array.of(5, 1, 2) }, qe: { isvSvn: 5 } },
      { tcbStatuses: ['OutOfDate'] },
      'tcb-status-not-accepted',
      { tcbStatus: 'OutOfDate', advisories: ['MOCK-SA-00001', 'MOCK-SA-00004'] },
    ],
    [
      'a TDX module that was updated since',
      { version: 5, td: { teeTcbSvn: Uint8Array.of(4, 1, 3), teeTcbSvn2: Uint8Array.of(5, 1, 3) } },
      { tcbStatuses: ['TDRelaunchAdvised'] },
      'tcb-status-not-accepted',
      { tcbStatus: 'TDRelaunchAdvised', advisories: ['MOCK-SA-00002'] },
    ],
    [
      'a machine that needs configuration, and hardening',
      {
        tcbInfo: info => Object.assign(info.tcbLevels[0], { tcbStatus: 'ConfigurationAndSWHardeningNeeded' }),
      },
      { tcbStatuses: ['ConfigurationAndSWHardeningNeeded'] },
      'tcb-status-not-accepted',
      { tcbStatus: 'ConfigurationAndSWHardeningNeeded' },
    ],
  ]
  test.each(cases)('%s', (_, options, policy, code, told) => {
    expect(verify(options)).toMatchObject({ ok: false, code, ...told })
    expect(verify(options, policy)).toMatchObject({ ok: true, code: 'ok', ...told })
  })

  test('what a policy wants is compared', () => {
    const code = (policy: Partial<EvidencePolicy>) => verify({}, policy).code
    expect(code({ measurements: [{ mrtd: 'D1'.repeat(48), rtmr3: `0x${'a3'.repeat(48)}` }] })).toBe('ok')
    expect(code({ measurements: [{ mrtd: 'd2'.repeat(48) }] })).toBe('measurement-not-accepted')
    expect(code({ platforms: [{ fmspc: '00906ED50000' }] })).toBe('ok')
    expect(code({ platforms: [{ ppid: '00'.repeat(16) }] })).toBe('platform-not-accepted')
    expect(code({ minimumTcb: { tcbEvaluationDataNumber: 18, tdxtcbcomp03svn: 3 } })).toBe('ok')
    expect(code({ minimumTcb: { tcbEvaluationDataNumber: 19 } })).toBe('tcb-below-minimum')
    expect(code({ nonce: toHex(utf8('mock report data')) })).toBe('ok')
    expect(code({ nonce: toHex(utf8('mock report datb')) })).toBe('nonce-mismatch')
    expect(code({ maxAge: 60 })).toBe('age-unknown')
  })
})

describe('collateral', () => {
  const { quote, files, pin } = authority.issue({ time: TIME, tee: 'tdx' })
  const policy: EvidencePolicy = { version: 1, roots: [pin] }
  const run = (files: CollateralFiles, time = TIME): Verdict => verifyTdx(quote, files, time, policy)
  const expected = run(files)
  const json = (value: unknown): CollateralFiles => new Map([['x', utf8(JSON.stringify(value))]])
  const bundle = bundleOf(files)
  const yaml = `---\n${Object.entries(bundle)
    .map(([name, value]) =>
      value.includes('\n')
        ? `${name}: |-\n${value.trim().replace(/^/gm, '  ')}`
        : `${name}: ${JSON.stringify(value)}`,
    )
    .join('\n')}\n`
  const text = (name: string): string => String.fromCharCode(...(files.get(name) as Uint8Array))
  const pemCrl = utf8(`-----BEGIN X509 CRL-----\n${btoa(text('pck.crl'))}\n-----END X509 CRL-----\n`)

  test('of one content has one digest, in whatever form it comes', () => {
    const forms: CollateralFiles[] = [
      json(bundle),
      json({ ...bundle, pck_certificate_chain: null }),
      new Map([['collateral.yaml', utf8(yaml)]]),
      new Map([...files].map(([name, file]) => [`z${name}`, file])),
      new Map(files).set('root_ca.crl', utf8(bundle.root_ca_crl as string)),
      new Map(files).set('pck.crl', pemCrl),
      new Map(files).set('tcb_signing_chain.pem', utf8(encodeURIComponent(text('tcb_signing_chain.pem')))),
      new Map(files).set('tcb_info.json', utf8(`${text('tcb_info.json')}\n`)),
    ]
    for (const form of forms) {
      expect(run(form)).toMatchObject({ ok: true, collateralDigest: expected.collateralDigest })
    }
  })

  test('what belongs to others is passed over, and of more of a kind the latest that is current is taken', () => {
    const old = authority.issue({
      time: TIME - 40n * DAY,
      tee: 'tdx',
      identity: qe => Object.assign(qe.tcbLevels[0], { tcbStatus: 'OutOfDate' }),
    }).files
    const newer = authority.issue({
      time: TIME + DAY / 2n,
      tee: 'tdx',
      tcbInfo: info => Object.assign(info, { tcbEvaluationDataNumber: 19 }),
    }).files
    const sgx = authority.issue({ time: TIME, tee: 'sgx' }).files
    const many = new Map<string, Uint8Array>([
      ['README.md', utf8('# Collateral\ntcb: none\n')],
      ['other.json', utf8('{"report": 1}')],
      ['broken.json', utf8('{"report": ')],
      ['ark.der', concat(fromHex('0x308204'), bytes(100))],
      ['picture.png', bytes(100, 0xff)],
      ['large', bytes(600_000)],
      [
        'pck.pem',
        pemOf([
          issueX509(
            {
              serial: 1,
              issuer: 'x',
              subject: 'y',
              notBefore: 0n,
              notAfter: TIME,
              authority: false,
              keyUsage: null,
            },
            stranger,
            stranger,
          ),
        ]),
      ],
    ])
    for (const [prefix, set] of Object.entries({ a: old, b: files, c: newer, d: sgx })) {
      for (const [name, file] of set) many.set(prefix + name, file)
    }
    const latest = run(many)
    expect(latest).toMatchObject({ ok: true, tcb: { tcbEvaluationDataNumber: 19 } })
    expect(latest.collateralDigest).toBe(run(newer).collateralDigest)
    expect(latest.collateralDigest).not.toBe(expected.collateralDigest)
    expect(run(many, TIME - 20n * DAY).tcbStatus).toBe('OutOfDate')
    expect(run(many, TIME + 60n * DAY).code).toBe('stale-collateral')
  })

  test('a bundle that lacks a field, has another or a text that is none is refused', () => {
    const { tcb_info: _, ...lacking } = bundle
    expect(run(json(lacking)).code).toBe('missing-collateral')
    const { pck_crl: __, ...other } = bundle
    const broken: CollateralFiles[] = [
      json(other),
      json({ ...bundle, extra: '' }),
      json({ ...bundle, tcb_info: 1 }),
      json({ ...bundle, tcb_info_signature: 'zz'.repeat(64) }),
      json({ ...bundle, pck_crl: `${bundle.pck_crl}0` }),
      new Map([['x', utf8(JSON.stringify(bundle).slice(0, -1))]]),
      new Map([['x.yaml', utf8(yaml.replace('root_ca_crl: "', 'root_ca_crl "'))]]),
    ]
    for (const files of broken) {
      expect(run(files)).toMatchObject({ ok: false, code: 'bad-collateral' })
    }
  })

  test('a bundle in YAML of very many names is refused at the first that are too many', () => {
    const { code, checks } = run(new Map([['x.yaml', utf8(`${yaml}${'a:\n'.repeat(150_000)}`)]]))
    expect(code).toBe('bad-collateral')
    expect(checks.find(({ name }) => name === 'collateral')?.detail).toContain('too many names')
  })

  test('none of it never counts as fine, and its digest is that of nothing', () => {
    const verdict = run(new Map())
    expect(verdict).toMatchObject({ ok: false, code: 'missing-collateral' })
    expect(verdict.collateralDigest).not.toBe(expected.collateralDigest)
    expect(run(new Map([['x', bytes(0)]])).collateralDigest).toBe(verdict.collateralDigest)
  })

  test('is current until the second that it names, and no longer', () => {
    expect(run(files, TIME + 29n * DAY).code).toBe('ok')
    expect(run(files, TIME + 29n * DAY + 1n).code).toBe('stale-collateral')
    expect(run(files, TIME - DAY).code).toBe('ok')
    expect(run(files, TIME - DAY - 1n).code).toBe('not-yet-valid')
  })

  test('of SGX in version 2 is read, and of TDX is not', () => {
    const old = (info: Record<string, unknown>): void => {
      delete info.id
      info.version = 2
      for (const level of info.tcbLevels as { tcb: Record<string, unknown> }[]) {
        const { sgxtcbcomponents, pcesvn } = level.tcb as {
          sgxtcbcomponents: { svn: number }[]
          pcesvn: number
        }
        const components = sgxtcbcomponents.map(({ svn }, i) => [
          `sgxtcbcomp${String(i + 1).padStart(2, '0')}svn`,
          svn,
        ])
        level.tcb = { ...Object.fromEntries(components), pcesvn }
      }
    }
    expect(verify({ tee: 'sgx', tcbInfo: old })).toMatchObject({ ok: true, tcbStatus: 'UpToDate' })
    expect(verify({ tee: 'tdx', tcbInfo: old }).code).toBe('missing-collateral')
  })
})

test('a time or policy that is malformed is the caller’s mistake', () => {
  const { quote, files } = authority.issue({ time: TIME, tee: 'tdx' })
  expect(() => verifyTdx(quote, files, 1 as never)).toThrow('the time is not a bigint')
  expect(() => verifyTdx(quote, files, TIME, { version: 1 })).toThrow('says nothing')
})
