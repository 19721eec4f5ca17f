import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import type { Hex } from '@nacre/verify'
import { derWriter as der } from '@nacre/verify/attest/derWriter'
import { type CertifiedAttestation, encodeRaTlsExtension, RA_TLS_OID } from '@nacre/verify/raTls'

/** A fresh key for TLS, over P-256. `hash` is SHA-256 of its SubjectPublicKeyInfo in DER: the identity's tlsKeyHash. */
export type TlsKey = { privateKey: KeyObject; publicKey: Buffer; hash: Hex }

export function makeTlsKey(): TlsKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const bytes = publicKey.export({ type: 'spki', format: 'der' })
  return { privateKey, publicKey: bytes, hash: `0x${createHash('sha256').update(bytes).digest('hex')}` }
}

const OID = { ecdsaWithSha256: '1.2.840.10045.4.3.2', commonName: '2.5.4.3' }
const NAME = 'nacre enclave'

/**
 * The self-signed certificate of an enclave (docs/inference.md, Certificate), in PEM. Its dates say nothing: those of the
 * evidence in it do, and the clock here is the host's.
 */
export function makeCertificate(key: TlsKey, attestation: CertifiedAttestation): string {
  const algorithm = der.sequence(der.oid(OID.ecdsaWithSha256))
  const name = der.sequence(der.set(der.sequence(der.oid(OID.commonName), der.utf8String(NAME))))
  const body = der.sequence(
    der.explicit(0, der.integer(Uint8Array.of(2))),
    der.integer(randomBytes(16)),
    algorithm,
    name,
    // RFC 5280, 4.1.2.5: a certificate without an end that could be told.
    der.sequence(der.time(new Date('2020-01-01T00:00:00Z')), der.time(new Date('9999-12-31T23:59:59Z'))),
    name,
    key.publicKey,
    der.explicit(
      3,
      der.sequence(der.sequence(der.oid(RA_TLS_OID), der.octetString(encodeRaTlsExtension(attestation)))),
    ),
  )
  const signature = sign('sha256', body, { key: key.privateKey, dsaEncoding: 'der' })
  const certificate = der.sequence(body, algorithm, der.bitString(signature))
  const lines =
    Buffer.from(certificate)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`
}
