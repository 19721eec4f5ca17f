import { describe, expect, test } from 'vitest'
import {
  createNitroAuthority,
  createSigner,
  encodeIndefinite,
  extension,
  type NitroOptions,
} from '../../../test/mock-authority/index.ts'
import { otherEs384 } from '../../test/p256.ts'
import {
  concat,
  type EvidencePolicy,
  encodeCbor,
  fromHex,
  isNotValid,
  type Verdict,
  verifyNitro,
} from '../index.ts'

const TIME = 1_790_000_000n
const authority = createNitroAuthority('nitro mock')
const policy: EvidencePolicy = { version: 1, roots: [authority.pin] }
const stranger = createSigner('p384', 'a stranger')
const pcr = (fill: number): Uint8Array => new Uint8Array(48).fill(fill)

const verify = (
  options: Partial<NitroOptions> = {},
  more: Partial<EvidencePolicy> = {},
  time = TIME,
): Verdict => verifyNitro(authority.issue({ time: TIME, ...options }), null, time, { ...policy, ...more })

/** Bytes with some of them replaced by others, where they occur first. */
function replaced(bytes: Uint8Array, from: Uint8Array, to: Uint8Array): Uint8Array {
  const at = bytes.findIndex((_, i) => from.every((byte, j) => bytes[i + j] === byte))
  expect(at).toBeGreaterThanOrEqual(0)
  return concat(bytes.subarray(0, at), to, bytes.subarray(at + from.length))
}

describe('valid documents', () => {
  const cases: [string, Partial<NitroOptions>][] = [
    ['all optional fields null', {}],
    ['a map of indefinite length', { indefinite: true }],
    [
      'optional fields absent',
      { map: map => ['public_key', 'user_data', 'nonce'].every(key => map.delete(key)) },
    ],
    ['empty user_data and nonce', { userData: new Uint8Array(0), nonce: new Uint8Array(0) }],
    [
      'optional fields as long as they may be',
      { userData: new Uint8Array(512), nonce: new Uint8Array(512), publicKey: new Uint8Array(1024) },
    ],
    ['a locked PCR16', { pcrs: { 16: pcr(1) } }],
    ['all 32 PCRs', { pcrs: Object.fromEntries(Array.from({ length: 32 }, (_, i) => [i, pcr(i + 1)])) }],
    ['the other signature', { signature: otherEs384 }],
    [
      'an extension that need not be understood',
      { certificates: { zonal: { extensions: [extension('0x2a0304', pcr(0))] } } },
    ],
    [
      'no path length anywhere',
      {
        certificates: {
          regional: { pathLength: undefined as never },
          zonal: { pathLength: undefined as never },
          instance: { pathLength: undefined as never },
        },
      },
    ],
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
  const cases: [string, Partial<NitroOptions>][] = [
    ...[0, 1, 2].map(
      index =>
        [`PCR${index} zero`, { pcrs: { [index]: pcr(0), 3: pcr(9), 4: pcr(9) } }] as [
          string,
          Partial<NitroOptions>,
        ],
    ),
    ['PCR0 absent', { map: map => (map.get('pcrs') as Map<number, Uint8Array>).delete(0) }],
    ['PCR3 alone', { map: map => map.set('pcrs', new Map([[3, pcr(9)]])) }],
  ]
  test.each(cases)('%s', (_, options) => {
    expect(verify(options)).toMatchObject({ ok: false, code: 'debug-refused', debug: true })
    expect(verify(options, { debug: true })).toMatchObject({ ok: true, debug: true })
  })
})

describe('what is broken has its code', () => {
  const cut = (bytes: Uint8Array): Uint8Array => bytes.subarray(0, -1)
  const longer = (bytes: Uint8Array): Uint8Array => concat(bytes, Uint8Array.of(0))
  const nested = (map: Map<string | number, unknown>): void => {
    map.set('pcrs', new Map([[0, new Map([[0, new Map()]])]]))
  }
  const cases: [string, Partial<NitroOptions>, string][] = [
    ['cut short', { document: cut }, 'malformed'],
    ['a byte behind it', { document: longer }, 'malformed'],
    ['a COSE tag', { document: bytes => concat(Uint8Array.of(0xd2), bytes) }, 'malformed'],
    [
      'another algorithm',
      { document: bytes => replaced(bytes, fromHex('0x44a1013822'), fromHex('0x43a10126')) },
      'malformed',
    ],
    [
      'an unprotected header',
      { document: bytes => replaced(bytes, fromHex('0xa1013822a0'), fromHex('0xa1013822a10405')) },
      'malformed',
    ],
    ['larger than any', { document: () => new Uint8Array(20_000) }, 'too-large'],
    ['nothing', { document: () => new Uint8Array(0) }, 'malformed'],
    ['lists without end', { document: () => new Uint8Array(16_000).fill(0x9f) }, 'malformed'],
    ['a byte behind the payload', { payload: longer }, 'malformed'],
    ['an indefinite map without its end', { indefinite: true, payload: cut }, 'malformed'],
    [
      'an indefinite map with two ends',
      { indefinite: true, payload: bytes => concat(bytes, Uint8Array.of(0xff)) },
      'malformed',
    ],
    [
      'an indefinite map with a key alone',
      { indefinite: true, payload: bytes => concat(cut(bytes), encodeCbor('x'), Uint8Array.of(0xff)) },
      'malformed',
    ],
    [
      'a key twice, indefinite',
      {
        indefinite: true,
        payload: bytes => concat(cut(bytes), encodeCbor('nonce'), encodeCbor(null), Uint8Array.of(0xff)),
      },
      'malformed',
    ],
    [
      'a key twice, definite',
      {
        payload: bytes =>
          concat(Uint8Array.of(0xaa), bytes.subarray(1), encodeCbor('nonce'), encodeCbor(null)),
      },
      'malformed',
    ],
    [
      'PCRs of indefinite length',
      { payload: bytes => replaced(bytes, fromHex('0x6470637273b0'), fromHex('0x6470637273bf')) },
      'malformed',
    ],
    [
      'an indefinite map in another',
      { payload: bytes => encodeIndefinite(new Map([['a', bytes]])) },
      'malformed',
    ],
    [
      'a long form',
      { payload: bytes => replaced(bytes, fromHex('0x6470637273b0'), fromHex('0x6470637273b810')) },
      'malformed',
    ],
    ['an unknown key', { map: map => map.set('extra', null) }, 'malformed'],
    ['a missing key', { map: map => map.delete('module_id') }, 'malformed'],
    ['a null that may not be', { map: map => map.set('certificate', null) }, 'malformed'],
    ['another digest', { map: map => map.set('digest', 'SHA512') }, 'malformed'],
    ['no time', { map: map => map.set('timestamp', 0) }, 'malformed'],
    ['a time that is text', { map: map => map.set('timestamp', '1') }, 'malformed'],
    ['no PCR', { map: map => map.set('pcrs', new Map()) }, 'malformed'],
    [
      '33 PCRs',
      { map: map => map.set('pcrs', new Map(Array.from({ length: 33 }, (_, i) => [i, pcr(1)]))) },
      'malformed',
    ],
    ['PCR32', { map: map => map.set('pcrs', new Map([[32, pcr(1)]])) }, 'malformed'],
    ['a PCR by text', { map: map => map.set('pcrs', new Map([['0', pcr(1)]])) }, 'malformed'],
    ['a PCR of 47 bytes', { pcrs: { 0: pcr(1).subarray(1) } }, 'malformed'],
    ['nested too deep', { map: nested as never }, 'malformed'],
    ['no bundle', { chain: () => [] }, 'malformed'],
    [
      'nine certificates in the bundle',
      { chain: bundle => [...bundle, ...bundle, bundle[0] as Uint8Array] },
      'malformed',
    ],
    ['an empty certificate', { map: map => map.set('certificate', new Uint8Array(0)) }, 'malformed'],
    [
      'a certificate of 1,025 bytes',
      { map: map => map.set('certificate', new Uint8Array(1025)) },
      'malformed',
    ],
    [
      'a certificate with a byte behind it',
      { map: map => map.set('certificate', longer(map.get('certificate') as Uint8Array)) },
      'malformed',
    ],
    ['user_data of 513 bytes', { userData: new Uint8Array(513) }, 'malformed'],
    ['a nonce of 513 bytes', { nonce: new Uint8Array(513) }, 'malformed'],
    ['an empty public key', { publicKey: new Uint8Array(0) }, 'malformed'],
    ['a signature by a stranger', { signers: { document: stranger } }, 'bad-signature'],
    ['a signature of zeros', { signature: () => new Uint8Array(96) }, 'bad-signature'],
    [
      'r and s swapped',
      { signature: ([...s]) => Uint8Array.from([...s.slice(48), ...s.slice(0, 48)]) },
      'bad-signature',
    ],
    ['another root of the same name', { signers: { root: stranger } }, 'untrusted-root'],
    ['a bundle that begins below the root', { chain: bundle => bundle.slice(1) }, 'untrusted-root'],
    ['a link left out', { chain: ([root, , ...rest]) => [root as Uint8Array, ...rest] }, 'broken-chain'],
    [
      'links in another order',
      { chain: ([root, a, b, ...rest]) => [root, b, a, ...rest] as Uint8Array[] },
      'broken-chain',
    ],
    ['the root alone above the leaf', { chain: bundle => bundle.slice(0, 1) }, 'broken-chain'],
    ['a link by a stranger', { signers: { zonal: stranger } }, 'broken-chain'],
    ['a leaf by a stranger', { signers: { leaf: stranger } }, 'broken-chain'],
    [
      'a signature of a link changed',
      { certificates: { zonal: { changeSignature: s => s.with(50, s[50]! ^ 1) } } },
      'broken-chain',
    ],
    ['an issuer of another name', { certificates: { instance: { issuer: 'mock other' } } }, 'broken-chain'],
    [
      'a link that is no authority',
      { certificates: { instance: { authority: false, pathLength: undefined as never } } },
      'broken-chain',
    ],
    ['a link that may not certify', { certificates: { instance: { keyUsage: 0x80 } } }, 'broken-chain'],
    ['a link without key usage', { certificates: { instance: { keyUsage: null } } }, 'broken-chain'],
    ['a path that is too long', { certificates: { regional: { pathLength: 1 } } }, 'broken-chain'],
    [
      'a leaf that is an authority',
      { certificates: { leaf: { authority: true, keyUsage: 0x84 } } },
      'broken-chain',
    ],
    ['a leaf that may certify', { certificates: { leaf: { keyUsage: 0x84 } } }, 'broken-chain'],
    ['a leaf that may not sign', { certificates: { leaf: { keyUsage: 0x40 } } }, 'broken-chain'],
    [
      'an unknown critical extension',
      { certificates: { zonal: { extensions: [extension('0x2a0304', pcr(0), true)] } } },
      'malformed',
    ],
    [
      'an extension twice',
      {
        certificates: {
          zonal: { extensions: [extension('0x2a0304', pcr(0)), extension('0x2a0304', pcr(0))] },
        },
      },
      'malformed',
    ],
    ['an expired link', { certificates: { zonal: { notAfter: TIME - 1n } } }, 'expired'],
    ['a link of later', { certificates: { instance: { notBefore: TIME + 1n } } }, 'not-yet-valid'],
    ['made before its leaf', { map: map => map.set('timestamp', Number(TIME - 4n) * 1000) }, 'wrong-binding'],
    [
      'made after its leaf',
      { map: map => map.set('timestamp', Number(TIME + 10_801n) * 1000) },
      'wrong-binding',
    ],
    ['made later than now', { map: map => map.set('timestamp', Number(TIME + 6n) * 1000) }, 'not-yet-valid'],
  ]
  test.each(cases)('%s', (_, options, code) => {
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
