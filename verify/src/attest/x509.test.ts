import fc from 'fast-check'
import { expect, test } from 'vitest'
import { authority, type CertificateFields, issueCertificate } from '../../../test/mock-authority/index.ts'
import { signingKey } from '../../test/p256.ts'
import { equalBytes, NacreError, nobleCrypto } from '../index.ts'
import { parseCertificate } from './x509.ts'

const key = signingKey('x509 test')
const fields: CertificateFields = {
  serial: 9,
  issuer: 'issuer',
  subject: 'subject',
  notBefore: 1_767_225_600n,
  notAfter: 2_600_000_000n,
  publicKey: key.publicKey,
  authority: false,
  keyUsage: 0x80,
}

test('the fields are those that were issued', () => {
  const der = issueCertificate(fields, key)
  const parsed = parseCertificate(der)
  expect(parsed).toMatchObject({
    commonName: 'subject',
    isAuthority: false,
    maySign: true,
    mayCertify: false,
  })
  expect([parsed.notBefore, parsed.notAfter]).toEqual([fields.notBefore, fields.notAfter])
  expect(equalBytes(parsed.publicKey, key.publicKey)).toBe(true)
  expect(nobleCrypto.verifyEs256(parsed.signed, parsed.signature, key.publicKey)).toBe(true)
})

test('an authority, and extensions that need not be understood', () => {
  expect(parseCertificate(authority.root)).toMatchObject({
    isAuthority: true,
    mayCertify: true,
    maySign: false,
  })
  const harmless = issueCertificate({ ...fields, unknownExtension: 'harmless' }, key)
  expect(parseCertificate(harmless).maySign).toBe(true)
  const critical = issueCertificate({ ...fields, unknownExtension: 'critical' }, key)
  expect(() => parseCertificate(critical)).toThrow(expect.objectContaining({ code: 'invalid-certificate' }))
})

test('size is bound, cut and extended certificates are refused', () => {
  const der = issueCertificate(fields, key)
  expect(() => parseCertificate(new Uint8Array(1025))).toThrow(expect.objectContaining({ code: 'too-large' }))
  for (let length = 0; length < der.length; length++) {
    expect(() => parseCertificate(der.subarray(0, length)), `${length}`).toThrow(NacreError)
  }
  expect(() => parseCertificate(Uint8Array.of(...der, 0))).toThrow(NacreError)
})

test('changed bytes are refused with a code, or no longer verify', () => {
  const der = issueCertificate(fields, key)
  const property = fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
    const bytes = Uint8Array.from(der)
    bytes[at] = (bytes[at] as number) ^ flip
    try {
      const parsed = parseCertificate(bytes)
      expect(nobleCrypto.verifyEs256(parsed.signed, parsed.signature, key.publicKey)).toBe(false)
    } catch (error) {
      expect(error).toBeInstanceOf(NacreError)
    }
  })
  fc.assert(property, { numRuns: 300 })
})
