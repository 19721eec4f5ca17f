import { describe, expect, test } from 'vitest'
import {
  createSigner,
  createSnpAuthority,
  levelOf,
  MOCK_TCB,
  type SnpOptions,
  tableOf,
  wrapped,
} from '../../../test/mock-authority/index.ts'
import { concat, type EvidencePolicy, isNotValid, toHex, utf8, type Verdict, verifySnp } from '../index.ts'

const TIME = 1_790_000_000n
const authority = createSnpAuthority('snp mock')
const policy: EvidencePolicy = { version: 1, roots: [authority.pin] }
const stranger = createSigner('p384', 'a stranger')
const chip = (fill: number): Uint8Array => new Uint8Array(64).fill(fill)
const tcb = (...bytes: number[]): Uint8Array => Uint8Array.from(bytes)
const set = (at: number, value: number) => (report: Uint8Array) => {
  report[at] = value
}

type Files = (files: Map<string, Uint8Array>, options: SnpOptions) => Map<string, Uint8Array>

function verify(
  options: Partial<SnpOptions> = {},
  more: Partial<EvidencePolicy> = {},
  change: Files = files => files,
): Verdict {
  const all = { time: TIME, ...options }
  const files = change(authority.certificates(all), all)
  return verifySnp(authority.report(all), files, TIME, { ...policy, ...more })
}

describe('valid reports', () => {
  const cases: [string, Partial<SnpOptions>][] = [
    ['version 2, which does not tell its processor', { version: 2 }],
    ['version 3', { version: 3 }],
    ['version 4', { version: 4 }],
    ['version 5 with mitigation vectors', { unsigned: set(0x1f8, 1) }],
    ['Genoa', { line: 'Genoa' }],
    [
      'Siena, which is of Genoa',
      { line: 'Genoa', certified: { product: 'Siena-A0' }, unsigned: set(0x189, 0xa0) },
    ],
    ['Turin, whose TCB has another order', { line: 'Turin' }],
    ['a VLEK', { key: 'vlek' }],
    ['a VLEK of Turin', { key: 'vlek', line: 'Turin' }],
    ['a VLEK whose report tells its chip', { key: 'vlek', chipId: chip(5) }],
    ['a chip id that the host masks', { chipId: chip(0) }],
    ['a chip id that its certificate wraps', { certified: { chipId: wrapped(chip(0xc1)) } }],
    ['a product with its stepping', { certified: { product: 'Milan-B0' } }],
    ['firmware that is not committed yet', { tcb: { current: tcb(4, 2, 0, 0, 0, 0, 9, 200) } }],
    ['bits of the platform that are not known', { unsigned: set(0x41, 0xff) }],
    ['VMPL 3', { vmpl: 3 }],
    ['a level of zero that Milan has no place for', { certified: { more: [levelOf(9, 0)] } }],
  ]
  test.each(cases)('%s', (_, options) => {
    expect(verify(options)).toMatchObject({
      ok: true,
      code: 'ok',
      debug: false,
      pinned: false,
      partial: null,
    })
  })

  test('the verdict says what was found, and the id of the chip even where the host masks it', () => {
    const found = verify({ chipId: chip(0), reportData: chip(9) })
    expect(found).toMatchObject({
      reportData: '09'.repeat(64),
      tcbStatus: null,
      tcb: { bootloader: 3, tee: 1, snp: 8, microcode: 115, guest: 7 },
      platform: { product: 'Milan', chipId: 'c1'.repeat(64) },
    })
    expect(found.measurements).toMatchObject({ measurement: 'a1'.repeat(48), hostData: '00'.repeat(32) })
    expect(verify({ line: 'Turin' }).tcb).toEqual({
      fmc: 1,
      bootloader: 2,
      tee: 3,
      snp: 4,
      microcode: 81,
      guest: 7,
    })
    expect(verify({ line: 'Turin' }).platform.chipId).toBe('c1'.repeat(8) + '00'.repeat(56))
    expect(verify({ key: 'vlek' }).platform).toEqual({ product: 'Milan', cspId: 'CN=cloud.example' })
  })

  test('of each component the least version counts that the host can go back to', () => {
    const committed = tcb(2, 1, 0, 0, 0, 0, 8, 115)
    const launch = tcb(3, 1, 0, 0, 0, 0, 8, 114)
    expect(verify({ tcb: { committed, launch } }).tcb).toMatchObject({
      bootloader: 2,
      snp: 8,
      microcode: 114,
    })
  })

  test('certificates in PEM, in a table of the host, and among those of other machines', () => {
    const { time } = { time: TIME }
    const pem: Files = files =>
      new Map([
        ['chain.pem', new TextEncoder().encode([...files.values()].map(der => pemOf(der)).join('\n'))],
      ])
    expect(verify({}, {}, pem).code).toBe('ok')
    expect(verify({}, {}, files => new Map([['auxblob', tableOf([...files.values()])]])).code).toBe('ok')
    const other = createSnpAuthority('another maker').certificates({ time })
    const vlek = authority.certificates({ time, key: 'vlek' })
    const later = authority.certificates({ time, certificates: { vek: { notBefore: time + 1n } } })
    const chips = authority.certificates({ time, certified: { chipId: chip(3) } })
    const among: Files = files =>
      new Map(
        [other, vlek, later, chips, files].flatMap((set, i) =>
          [...set].map(([name, der]) => [`${i}${name}`, der]),
        ),
      )
    expect(verify({}, {}, among)).toMatchObject({ code: 'ok', collateralDigest: verify().collateralDigest })
    expect(verify({ key: 'vlek' }, {}, among).code).toBe('ok')
    const readme: Files = files => files.set('README.md', chip(0x30)).set('empty', chip(0).subarray(64))
    expect(verify({}, {}, readme).code).toBe('ok')
    // A name in TeletexString, as some authorities have them: it is of no certificate that is looked for.
    const teletex = (der: Uint8Array) =>
      der.map((byte, i) => (byte === 0x0c && der[i + 1] === 9 ? 0x14 : byte))
    const unreadable: Files = files => files.set('other.der', teletex(files.get('ask.der') as Uint8Array))
    expect(verify({}, {}, unreadable)).toMatchObject({
      code: 'ok',
      collateralDigest: verify().collateralDigest,
    })
  })

  test('revocation is checked where there is a list, and said', () => {
    const told = (verdict: Verdict) => verdict.checks.find(({ name }) => name === 'certificates')?.detail
    expect(told(verify())).toContain('revocation not checked')
    const withList: Files = (files, options) => files.set('crl.der', authority.crl(options))
    expect(told(verify({}, {}, withList))).toContain('none revoked')
    const inHex: Files = (files, options) =>
      files.set('pckcrl', utf8(`${toHex(authority.crl(options)).slice(2)}\n`))
    expect(told(verify({}, {}, inHex))).toContain('none revoked')
    // As `openssl crl -text` writes it.
    const withText: Files = (files, options) =>
      files.set('list.pem', utf8(`\n  Issuer: CN = ARK-Milan\r\n${pemList(authority.crl(options))}`))
    expect(told(verify({}, {}, withText))).toContain('none revoked')
  })
})

describe('what is broken has its code, and the check that finds it', () => {
  const cut = (bytes: Uint8Array): Uint8Array => bytes.subarray(0, -1)
  const longer = (bytes: Uint8Array): Uint8Array => concat(bytes, Uint8Array.of(0))
  const cases: [string, Partial<SnpOptions>, string, string][] = [
    ['cut short', { signed: cut }, 'malformed', 'format'],
    ['a byte behind it', { signed: longer }, 'malformed', 'format'],
    ['nothing', { signed: () => new Uint8Array(0) }, 'malformed', 'format'],
    ['version 1', { version: 1 }, 'unsupported', 'format'],
    ['version 6', { version: 6 }, 'unsupported', 'format'],
    ['another algorithm', { unsigned: set(0x34, 2) }, 'unsupported', 'format'],
    ['a report that the host asked for', { vmpl: 0xffffffff }, 'unsupported', 'format'],
    ['a CPUID in version 2', { version: 2, unsigned: set(0x188, 0x19) }, 'malformed', 'format'],
    ['mitigation vectors in version 4', { version: 4, unsigned: set(0x200, 1) }, 'malformed', 'format'],
    ...[0x4c, 0x18b, 0x19f, 0x1eb, 0x1ef, 0x208, 0x29f].map(
      at =>
        [`a reserved byte at ${at}`, { unsigned: set(at, 1) }, 'malformed', 'format'] as [
          string,
          Partial<SnpOptions>,
          string,
          string,
        ],
    ),
    ['bytes behind the signature', { signed: report => report.with(0x330, 1) }, 'malformed', 'format'],
    ['a signature of 49 bytes', { signed: report => report.with(0x2a0 + 48, 1) }, 'malformed', 'format'],
    [
      'a second number of 49 bytes',
      { signed: report => report.with(0x2a0 + 72 + 71, 1) },
      'malformed',
      'format',
    ],
    ['bit 17 of the policy not set', { policy: 0x10000n }, 'malformed', 'format'],
    ['an unknown bit of the policy', { policy: 0x30000n | (1n << 26n) }, 'unsupported', 'format'],
    ['unknown key information', { unsigned: set(0x48, 0x20) }, 'malformed', 'format'],
    ['a reserved signing key', { unsigned: set(0x48, 2 << 2) }, 'unsupported', 'format'],
    ['no signing key', { unsigned: set(0x48, 7 << 2) }, 'bad-signature', 'format'],
    ['signed by a stranger', { signers: { report: stranger } }, 'bad-signature', 'signature'],
    ['a signature of zeros', { signed: report => report.fill(0, 0x2a0) }, 'bad-signature', 'signature'],
    ['a changed measurement', { signed: report => report.with(0x90, 0) }, 'bad-signature', 'signature'],
    [
      'another root of the same name',
      { signers: { ark: stranger, ask: stranger } },
      'untrusted-root',
      'certificates',
    ],
    ['a signer by a stranger', { signers: { ask: stranger } }, 'broken-chain', 'certificates'],
    ['an endorsement key by a stranger', { signers: { vek: stranger } }, 'broken-chain', 'certificates'],
    [
      'a signer that may not certify',
      { certificates: { ask: { keyUsage: 0x80 } } },
      'broken-chain',
      'certificates',
    ],
    [
      'a signer that is no authority',
      { certificates: { ask: { authority: false, pathLength: undefined as never } } },
      'broken-chain',
      'certificates',
    ],
    [
      'a root with no authority below it',
      { certificates: { ark: { pathLength: 0 } } },
      'broken-chain',
      'certificates',
    ],
    [
      'an endorsement key that may certify',
      { certificates: { vek: { authority: true, keyUsage: 0x04 } } },
      'broken-chain',
      'certificates',
    ],
    [
      'an expired endorsement key',
      { certificates: { vek: { notAfter: TIME - 1n } } },
      'expired',
      'certificates',
    ],
    ['an expired signer', { certificates: { ask: { notAfter: TIME - 1n } } }, 'expired', 'certificates'],
    [
      'an endorsement key of later',
      { certificates: { vek: { notBefore: TIME + 1n } } },
      'not-yet-valid',
      'certificates',
    ],
    [
      'a VCEK where the report says VLEK',
      { key: 'vlek', certified: { key: 'vcek', chipId: chip(1), csp: null } },
      'wrong-binding',
      'endorsement-key',
    ],
    [
      'a VLEK where the report says VCEK',
      { certified: { key: 'vlek', chipId: null, csp: 'CN=cloud' } },
      'wrong-binding',
      'endorsement-key',
    ],
    ['a VCEK of a cloud', { certified: { csp: 'CN=cloud' } }, 'wrong-binding', 'endorsement-key'],
    ['a VCEK of no chip', { certified: { chipId: null } }, 'wrong-binding', 'endorsement-key'],
    [
      'a chip id of 63 bytes',
      { certified: { chipId: chip(0xc1).subarray(1) } },
      'wrong-binding',
      'endorsement-key',
    ],
    ['another chip', { certified: { chipId: chip(2) } }, 'wrong-binding', 'chip'],
    ...[0, 1, 6, 7].map(
      at =>
        [
          `another TCB at ${at}`,
          { certified: { tcb: MOCK_TCB.Milan.with(at, 99) } },
          'wrong-binding',
          'tcb',
        ] as [string, Partial<SnpOptions>, string, string],
    ),
    [
      'another FMC',
      { line: 'Turin', certified: { tcb: MOCK_TCB.Turin.with(0, 99) } },
      'wrong-binding',
      'tcb',
    ],
    ['a reserved level', { certified: { tcb: MOCK_TCB.Milan.with(3, 1) } }, 'wrong-binding', 'tcb'],
    ['a level that Milan has no place for', { certified: { more: [levelOf(9, 1)] } }, 'wrong-binding', 'tcb'],
    ['a level left out', { certified: { without: 8 } }, 'wrong-binding', 'tcb'],
    ['no product', { certified: { product: null } }, 'wrong-binding', 'endorsement-key'],
    [
      'a chip id of 63 bytes that is wrapped',
      { certified: { chipId: wrapped(chip(0xc1).subarray(1)) } },
      'wrong-binding',
      'endorsement-key',
    ],
    [
      'an endorsement key of the root itself',
      {
        certificates: { vek: { issuer: 'ARK-Milan' } },
        signers: { vek: createSigner('p384', 'snp mock ark') },
      },
      'broken-chain',
      'product',
    ],
    ['more reported than runs', { tcb: { current: MOCK_TCB.Milan.with(7, 114) } }, 'wrong-binding', 'tcb'],
    ['more committed than runs', { tcb: { committed: MOCK_TCB.Milan.with(6, 9) } }, 'wrong-binding', 'tcb'],
    ['an unknown product', { certified: { product: 'Rome' } }, 'unsupported', 'product'],
    ['a product of another line', { certified: { product: 'Genoa' } }, 'wrong-binding', 'product'],
    ['a processor of another line', { unsigned: set(0x189, 0x11) }, 'wrong-binding', 'product'],
    ['an unknown processor', { unsigned: set(0x188, 0x17) }, 'unsupported', 'product'],
    [
      'a VCEK by the signer of VLEKs',
      { certificates: { ask: { subject: 'SEV-VLEK-Milan' }, vek: { issuer: 'SEV-VLEK-Milan' } } },
      'wrong-binding',
      'product',
    ],
    [
      'a root of another line',
      { certificates: { ark: { subject: 'ARK-Genoa', issuer: 'ARK-Genoa' }, ask: { issuer: 'ARK-Genoa' } } },
      'wrong-binding',
      'product',
    ],
  ]
  test.each(cases)('%s', (_, options, code, check) => {
    const verdict = verify(options)
    expect(verdict.code).toBe(code)
    expect(verdict.checks.find(({ ok }) => !ok)?.name).toBe(check)
    expect(isNotValid(verdict.code)).toBe(true)
    expect(verdict).toMatchObject({ ok: false, measurements: {}, reportData: null, platform: {}, tcb: {} })
  })

  const collateral: [string, Files, string][] = [
    ['no collateral', () => new Map(), 'missing-collateral'],
    ['no endorsement key', files => without(files, 'vek.der'), 'missing-collateral'],
    [
      'a PEM file larger than any',
      files => files.set('ask.der', utf8(`-----BEGIN CERTIFICATE-----${'A'.repeat(131_072)}`)),
      'bad-collateral',
    ],
    ['no signer', files => without(files, 'ask.der'), 'missing-collateral'],
    ['no root', files => without(files, 'ark.der'), 'missing-collateral'],
    [
      'an endorsement key that is cut short',
      files => files.set('vek.der', cut(files.get('vek.der') as Uint8Array)),
      'missing-collateral',
    ],
    [
      'a table that ends too early',
      files => new Map([['t', cut(tableOf([...files.values()]))]]),
      'missing-collateral',
    ],
    [
      'a revoked signer',
      (files, options) => files.set('crl', authority.crl(options, { revoked: [9, 2] })),
      'revoked',
    ],
    [
      'an old list',
      (files, options) => files.set('crl', authority.crl(options, { nextUpdate: TIME - 1n })),
      'stale-collateral',
    ],
    [
      'a list of later',
      (files, options) => files.set('crl', authority.crl(options, { thisUpdate: TIME + 1n })),
      'not-yet-valid',
    ],
    [
      'a list by a stranger',
      (files, options) => files.set('crl', authority.crl(options, {}, stranger)),
      'bad-collateral',
    ],
    [
      'a list that is cut short',
      (files, options) => files.set('milan.crl', cut(authority.crl(options))),
      'bad-collateral',
    ],
    [
      'a list in PEM that is cut short',
      (files, options) => files.set('crl.pem', utf8(pemList(authority.crl(options)).slice(0, -40))),
      'bad-collateral',
    ],
    [
      'a list in PEM with a character that is not base64’s, by no name',
      (files, options) => files.set('a.pem', utf8(pemList(authority.crl(options)).replace('\nM', '\n*M'))),
      'bad-collateral',
    ],
    [
      'another kind of PEM where a list should be',
      files => files.set('crl.pem', utf8('-----BEGIN NOTHING-----\n-----END NOTHING-----\n')),
      'bad-collateral',
    ],
    [
      'a revoked signer, by a list in PEM behind text',
      (files, options) =>
        files.set('a.pem', utf8(`text\n${pemList(authority.crl(options, { revoked: [2] }))}`)),
      'revoked',
    ],
    [
      'too many certificates',
      files => new Map(Array.from({ length: 257 }, (_, i) => [`${i}`, files.get('ask.der') as Uint8Array])),
      'bad-collateral',
    ],
  ]
  test.each(collateral)('%s', (_, change, code) => {
    expect(verify({}, {}, change)).toMatchObject({ ok: false, code, measurements: {} })
  })

  test('an old list beside a current one is passed over, and the current one counts', () => {
    const lists =
      (revoked: number[]): Files =>
      (files, options) =>
        files
          .set('crl1', authority.crl(options, { nextUpdate: TIME - 1n }))
          .set('crl2', authority.crl(options, { revoked }))
    expect(verify({}, {}, lists([])).code).toBe('ok')
    const current: Files = (files, options) => files.set('crl2', authority.crl(options))
    expect(verify({}, {}, lists([])).collateralDigest).toBe(verify({}, {}, current).collateralDigest)
    expect(verify({}, {}, current).collateralDigest).not.toBe(verify().collateralDigest)
    expect(verify({}, {}, lists([2])).code).toBe('revoked')
  })

  test('the default policy trusts the root keys of AMD alone', () => {
    const options = { time: TIME }
    expect(verifySnp(authority.report(options), authority.certificates(options), TIME).code).toBe(
      'untrusted-root',
    )
  })
})

describe('what the policy wants', () => {
  const DEBUG = 0xb0000n
  const MIGRATION = 0x70000n
  const cases: [string, Partial<SnpOptions>, Partial<EvidencePolicy>, string][] = [
    ['debug by default', { policy: DEBUG }, {}, 'debug-refused'],
    ['debug that is accepted', { policy: DEBUG }, { debug: true }, 'ok'],
    ['a migration agent by default', { policy: MIGRATION }, {}, 'migration-refused'],
    ['a migration agent that is accepted', { policy: MIGRATION }, { migration: true }, 'ok'],
    ['VMPL 1 where 0 is wanted', { vmpl: 1 }, { maxVmpl: 0 }, 'vmpl-not-accepted'],
    ['VMPL 1 where 1 is wanted', { vmpl: 1 }, { maxVmpl: 1 }, 'ok'],
    [
      'another measurement',
      {},
      { measurements: [{ measurement: 'a2'.repeat(48) }] },
      'measurement-not-accepted',
    ],
    [
      'its measurement',
      {},
      { measurements: [{ measurement: 'a1'.repeat(48), hostData: '00'.repeat(32) }] },
      'ok',
    ],
    ['microcode below the minimum', {}, { minimumTcb: { microcode: 116 } }, 'tcb-below-minimum'],
    ['microcode at the minimum', {}, { minimumTcb: { microcode: 115, guest: 7 } }, 'ok'],
    ['an FMC of Milan', {}, { minimumTcb: { fmc: 0 } }, 'tcb-below-minimum'],
    ['another nonce', {}, { nonce: '01' }, 'nonce-mismatch'],
    ['its nonce', { reportData: chip(0).with(0, 1) }, { nonce: '01' }, 'ok'],
    ['another chip', {}, { platforms: [{ chipId: 'c2'.repeat(64) }] }, 'platform-not-accepted'],
    ['its chip', {}, { platforms: [{ chipId: 'c1'.repeat(64) }] }, 'ok'],
    ['an age, which nobody signs', {}, { maxAge: 60 }, 'age-unknown'],
  ]
  test.each(cases)('%s', (_, options, more, code) => {
    const verdict = verify(options, more)
    expect(verdict.code).toBe(code)
    expect(isNotValid(verdict.code)).toBe(false)
    expect(verdict.measurements.measurement).toBe('a1'.repeat(48))
  })
})

function without(files: Map<string, Uint8Array>, name: string): Map<string, Uint8Array> {
  return new Map([...files].filter(([file]) => file !== name))
}

function pemOf(der: Uint8Array, header = 'CERTIFICATE'): string {
  const base64 = btoa(String.fromCharCode(...der)).replace(/.{64}/g, '$&\n')
  return `-----BEGIN ${header}-----\n${base64}\n-----END ${header}-----\n`
}

const pemList = (der: Uint8Array): string => pemOf(der, 'X509 CRL')
