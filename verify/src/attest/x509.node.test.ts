import { X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { authority } from '../../../test/mock-authority/index.ts'
import { parseCertificate } from './x509.ts'

test('node:crypto reads the same fields, and finds the signature good', () => {
  const parsed = parseCertificate(authority.root)
  const other = new X509Certificate(authority.root)
  expect([other.subject, other.ca]).toEqual([`CN=${parsed.commonName}`, parsed.isAuthority])
  expect(BigInt(Date.parse(other.validFrom)) / 1000n).toBe(parsed.notBefore)
  expect(BigInt(Date.parse(other.validTo)) / 1000n).toBe(parsed.notAfter)
  expect(other.verify(other.publicKey)).toBe(true)
})
