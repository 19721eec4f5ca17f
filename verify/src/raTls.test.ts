import { expect, test } from 'vitest'
import { createBundle, createSigner, issueX509, NOW } from '../../test/mock-authority/index.ts'
import { extension } from '../../test/mock-authority/x509.ts'
import { encodeCbor } from './attest/cbor.ts'
import { takeApart } from './attest/x509.ts'
import { toJson } from './bundle.ts'
import { utf8 } from './bytes.ts'
import { canonicalJson } from './canonicalJson.ts'
import { NacreError } from './errors.ts'
import { sha256 } from './hash.ts'
import { type CertifiedAttestation, encodeRaTlsExtension, parseRaTlsCertificate } from './raTls.ts'

const TYPE = 'application/vnd.nacre.attestation+json'
const OID = '0x678105050409'
const [own, other] = [createSigner('p256', 'enclave'), createSigner('p256', 'other')]

function certificate(extensions: Uint8Array[], signer = own): Uint8Array {
  const fields = { serial: 1, issuer: 'nacre enclave', subject: 'nacre enclave', authority: false }
  const dates = { notBefore: NOW - 100_000n, notAfter: NOW - 90_000n }
  return issueX509({ ...fields, ...dates, keyUsage: 0x80, extensions }, signer, signer)
}

const { config, evidence, identity } = createBundle()
const tlsKeyHash = sha256(takeApart(certificate([]), 4096).spki)
const attestation: CertifiedAttestation = { config, evidence, identity: { ...identity, tlsKeyHash } }
const value = encodeRaTlsExtension(attestation)

function refusal(der: Uint8Array): string {
  try {
    parseRaTlsCertificate(der)
    return 'none'
  } catch (error) {
    return error instanceof NacreError ? `${error.code}: ${error.message}` : String(error)
  }
}

test('a certificate says its enclave, whatever its dates', () => {
  expect(parseRaTlsCertificate(certificate([extension(OID, value)]))).toEqual(attestation)
})

const json = canonicalJson(toJson(attestation))
const record = (...parts: Parameters<typeof encodeCbor>[0][]) => encodeCbor(parts)

test.each<[string, Uint8Array, string]>([
  ['no extension', certificate([]), 'has no extension'],
  ['another extension', certificate([extension('0x678105050408', value)]), 'has no extension'],
  ['a critical one', certificate([extension(OID, value, true)]), 'is critical'],
  ['two', certificate([extension(OID, value), extension(OID, value)]), 'invalid-certificate'],
  ['another key', certificate([extension(OID, value)], other), 'its key is not the one'],
  ['no CBOR', certificate([extension(OID, utf8('{}'))]), 'is malformed'],
  ['another type', certificate([extension(OID, record('text/plain', utf8(json)))]), 'no record of'],
  ['a third part', certificate([extension(OID, record(TYPE, utf8(json), 1))]), 'no record of'],
  ['JSON as text', certificate([extension(OID, record(TYPE, json))]), 'no record of'],
  ['JSON with white space', certificate([extension(OID, record(TYPE, utf8(`${json} `)))]), 'not canonical'],
  ['a field too many', certificate([extension(OID, record(TYPE, utf8(`${json.slice(0, -1)},"z":1}`)))]), 'z'],
  ['trailing bytes', certificate([extension(OID, Uint8Array.of(...value, 0))]), 'is malformed'],
  ['no certificate', utf8('nothing'), 'invalid-certificate'],
])('%s is refused', (_, der, reason) => {
  expect(refusal(der)).toContain('invalid-certificate')
  expect(refusal(der)).toContain(reason)
})

test('nothing endless is read', () => {
  expect(refusal(new Uint8Array(2 ** 18 + 1))).toContain('too-large')
})
