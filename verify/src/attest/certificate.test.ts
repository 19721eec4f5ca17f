import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type CrlFields,
  createSigner,
  extension,
  issueCrl,
  issueX509,
  type X509Fields,
} from '../../../test/mock-authority/index.ts'
import { defaultEvidenceCrypto as crypto, NacreError, toHex } from '../index.ts'
import {
  decodeBase64,
  fingerprint,
  iso,
  isSignedBy,
  nameOf,
  parsePem,
  parseX509,
  type X509,
} from './certificate.ts'
import { checkChain, checkPinned } from './certificateChain.ts'
import { Refusal } from './codes.ts'
import { type Crl, checkCrl, isRevoked, parseCrl } from './crl.ts'
import { oid } from './oid.ts'

const TIME = 1_790_000_000n
const root = createSigner('p256', 'certificate root')
const leaf = createSigner('p384', 'certificate leaf')
const fields: X509Fields = {
  serial: 1,
  issuer: 'root',
  subject: 'root',
  notBefore: TIME - 1000n,
  notAfter: TIME + 1000n,
  authority: true,
  keyUsage: 0x06,
}
const leafFields: X509Fields = { ...fields, serial: 200, subject: 'leaf', authority: false, keyUsage: 0x80 }
const rootDer = issueX509(fields, root, root)
const leafDer = issueX509(leafFields, leaf, root)
const context = { time: TIME, crypto }

/** The code with which something is refused. */
function codeOf(run: () => unknown): string {
  try {
    run()
    return 'passed'
  } catch (error) {
    expect(error instanceof Refusal || error instanceof NacreError).toBe(true)
    return (error as { code: string }).code
  }
}

test('what was issued is read, over both curves', () => {
  expect(parseX509(leafDer)).toMatchObject({
    algorithm: 'es256',
    key: { type: 'p384', point: leaf.publicKey },
    notBefore: fields.notBefore,
    notAfter: fields.notAfter,
    isAuthority: false,
    hasKeyUsage: true,
    maySign: true,
    mayCertify: false,
    mayRevoke: false,
  })
  const parsed = parseX509(rootDer)
  expect(parsed).toMatchObject({
    key: { type: 'p256' },
    isAuthority: true,
    mayCertify: true,
    mayRevoke: true,
    maySign: false,
  })
  expect([nameOf(parsed.subject), iso(parsed.notBefore)]).toEqual(['CN=root', '2026-09-21T13:56:40Z'])
  expect(fingerprint(parsed, crypto)).toBe(toHex(crypto.sha256(rootDer)).slice(2))
  expect(isSignedBy(crypto, parseX509(leafDer), parsed.key)).toBe(true)
  expect(isSignedBy(crypto, parseX509(leafDer), parseX509(leafDer).key)).toBe(false)
})

test('extensions are found by their dotted names; critical ones must be known', () => {
  const extensions = [extension('0x2a864886f84d010d01', Uint8Array.of(5, 0), true)]
  const der = issueX509({ ...leafFields, extensions }, leaf, root)
  expect(codeOf(() => parseX509(der))).toBe('invalid-certificate')
  const id = oid('1.2.840.113741.1.13.1')
  expect(id).toBe('0x2a864886f84d010d01')
  expect(parseX509(der, { known: [id] }).extensions.get(id)).toEqual(Uint8Array.of(5, 0))
})

test('a root is trusted by its bytes or its key, and by its key only when it signed itself', () => {
  const parsed = parseX509(rootDer)
  const key = toHex(crypto.sha256(parsed.spki)).slice(2)
  const forged = parseX509(
    issueX509({ ...fields, notAfter: TIME + 9999n }, root, createSigner('p256', 'other')),
  )
  const pins: [X509, object, string][] = [
    [parsed, { certificates: [fingerprint(parsed, crypto)] }, 'passed'],
    [parsed, { keys: [key] }, 'passed'],
    [parsed, { keys: [fingerprint(parsed, crypto)] }, 'untrusted-root'],
    [parsed, {}, 'untrusted-root'],
    [forged, { keys: [key] }, 'untrusted-root'],
  ]
  for (const [certificate, pin, code] of pins)
    expect(codeOf(() => checkPinned(certificate, pin, context))).toBe(code)
})

test('a chain is of two at least, and holds from the first second of all to the last', () => {
  const chain = [parseX509(rootDer), parseX509(leafDer)]
  expect(checkChain(chain, context)).toBe(chain[1])
  expect(codeOf(() => checkChain(chain.slice(1), context))).toBe('broken-chain')
  expect(codeOf(() => checkChain([], context))).toBe('broken-chain')
  const at = (time: bigint) => codeOf(() => checkChain(chain, { ...context, time }))
  expect([TIME - 1001n, TIME - 1000n, TIME + 1000n, TIME + 1001n].map(at)).toEqual([
    'not-yet-valid',
    'passed',
    'passed',
    'expired',
  ])
})

describe('revocation lists', () => {
  const list: CrlFields = {
    issuer: 'root',
    thisUpdate: TIME - 10n,
    nextUpdate: TIME + 10n,
    revoked: [200, 7],
  }
  const issuer = parseX509(rootDer)
  const checked = (changes: Partial<CrlFields>, signer = root, certificate: X509 = issuer): Crl => {
    const crl = parseCrl(issueCrl({ ...list, ...changes }, signer))
    checkCrl(crl, certificate, context)
    return crl
  }

  test('a certificate that one names is refused, of its own issuer alone', () => {
    const chain = [issuer, parseX509(leafDer)]
    expect(codeOf(() => checkChain(chain, { ...context, crls: [checked({})] }))).toBe('revoked')
    expect(codeOf(() => checkChain(chain, { ...context, crls: [checked({ revoked: [] })] }))).toBe('passed')
    const other = parseCrl(issueCrl({ ...list, issuer: 'other' }, root))
    expect(isRevoked(other, parseX509(leafDer))).toBe(false)
  })

  const cases: [string, () => unknown, string][] = [
    ['in its time', () => checked({}), 'passed'],
    [
      'of no revoked one, as Intel’s root has it',
      () => checked({ revoked: [], extensions: [extension('0x551d14', Uint8Array.of(2, 1, 1))] }),
      'passed',
    ],
    ['at its last second', () => checked({ nextUpdate: TIME }), 'passed'],
    ['after it', () => checked({ nextUpdate: TIME - 1n }), 'stale-collateral'],
    ['of later', () => checked({ thisUpdate: TIME + 1n }), 'not-yet-valid'],
    ['of another issuer', () => checked({ issuer: 'other' }), 'bad-collateral'],
    ['by another key', () => checked({}, createSigner('p256', 'other')), 'bad-collateral'],
    [
      'of one that may not issue them',
      () => checked({}, root, parseX509(issueX509({ ...fields, keyUsage: 0x04 }, root, root))),
      'bad-collateral',
    ],
    ['without an end', () => checked({ nextUpdate: null }), 'invalid-certificate'],
    [
      'of a part',
      () => checked({ extensions: [extension('0x551d1c', Uint8Array.of(0x30, 0))] }),
      'invalid-certificate',
    ],
    [
      'of what changed',
      () => checked({ extensions: [extension('0x551d1b', Uint8Array.of(2, 1, 1))] }),
      'invalid-certificate',
    ],
    [
      'with an unknown critical extension',
      () => checked({ extensions: [extension('0x2a0304', Uint8Array.of(5, 0), true)] }),
      'invalid-certificate',
    ],
    ['that is too large', () => parseCrl(new Uint8Array(70_000)), 'too-large'],
  ]
  test.each(cases)('%s', (_, run, code) => expect(codeOf(run)).toBe(code))

  test('cut and changed ones are refused with a code, or no longer verify', () => {
    const der = issueCrl(list, root)
    for (let length = 0; length < der.length; length++)
      expect(codeOf(() => parseCrl(der.subarray(0, length)))).toBe('invalid-certificate')
    const change = fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const bytes = der.with(at, (der[at] as number) ^ flip)
      expect(codeOf(() => checkCrl(parseCrl(bytes), issuer, context))).not.toBe('passed')
    })
    fc.assert(change, { numRuns: 300 })
  })
})

test('cut and changed certificates are refused with a code, or no longer verify', () => {
  const change = fc.property(fc.nat(leafDer.length - 1), fc.integer({ min: 0, max: 255 }), (at, flip) => {
    const bytes = flip === 0 ? leafDer.subarray(0, at) : leafDer.with(at, (leafDer[at] as number) ^ flip)
    expect(codeOf(() => checkChain([parseX509(rootDer), parseX509(bytes)], context))).not.toBe('passed')
  })
  fc.assert(change, { numRuns: 500 })
})

test('PEM is read in its order, and nothing else', () => {
  const pem = (der: Uint8Array): string => {
    const body = btoa(String.fromCharCode(...der)).replace(/.{64}/g, '$&\r\n')
    return `-----BEGIN CERTIFICATE-----\r\n${body}\r\n-----END CERTIFICATE-----\r\n`
  }
  expect(parsePem(`text ${pem(leafDer)}${pem(rootDer)}\0`)).toEqual([leafDer, rootDer])
  expect(codeOf(() => parsePem('none'))).toBe('invalid-certificate')
  expect(codeOf(() => parsePem(pem(rootDer).repeat(17)))).toBe('too-large')
})

test('base64 is canonical', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), bytes => {
      expect(decodeBase64(btoa(String.fromCharCode(...bytes)))).toEqual(bytes)
    }),
  )
  for (const text of ['A', 'AA', 'AAA', 'AB==', 'AAB=', 'A===', '====', 'AA==AA==', 'A-A_', 'AAAA\n'])
    expect(
      codeOf(() => decodeBase64(text)),
      text,
    ).toBe('invalid-certificate')
})
