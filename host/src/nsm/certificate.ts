import { type KeyObject, sign } from 'node:crypto'
import { derWriter as der } from '@nacre/verify/attest/derWriter'

export type CertificateFields = {
  serial: Uint8Array
  issuer: string
  subject: string
  notBefore: Date
  notAfter: Date
  publicKey: KeyObject
  ca: boolean
}

const OID = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
}

/** KeyUsage bits (RFC 5280, 4.2.1.3) and how many bits of the byte are unused. */
const KEY_USAGE = { keyCertSign: [0x04, 2], digitalSignature: [0x80, 7] } as const

/**
 * An X.509 v3 certificate (RFC 5280), P-256 and ECDSA with SHA-256, shaped as Nitro's: one common name, and the
 * two critical extensions basicConstraints and keyUsage. Returns DER.
 */
export function issueCertificate(fields: CertificateFields, issuerKey: KeyObject): Uint8Array {
  const algorithm = der.sequence(der.oid(OID.ecdsaWithSha256))
  const tbs = der.sequence(
    der.explicit(0, der.integer(Uint8Array.of(2))),
    der.integer(fields.serial),
    algorithm,
    nameOf(fields.issuer),
    der.sequence(der.time(fields.notBefore), der.time(fields.notAfter)),
    nameOf(fields.subject),
    fields.publicKey.export({ type: 'spki', format: 'der' }),
    der.explicit(3, extensionsOf(fields.ca)),
  )
  return new Uint8Array(der.sequence(tbs, algorithm, der.bitString(derSignature(signP256(tbs, issuerKey)))))
}

/**
 * ECDSA P-256 over SHA-256, `r | s` (64 bytes). Low-s always: verifiers on chain refuse the other one (EIP-7951's
 * precompile does not, OpenZeppelin's library does).
 */
export function signP256(message: Uint8Array, key: KeyObject): Uint8Array {
  const signature = sign('sha256', message, { key, dsaEncoding: 'ieee-p1363' })
  const s = BigInt(`0x${signature.subarray(32).toString('hex')}`)
  if (s > P256_ORDER / 2n) signature.write((P256_ORDER - s).toString(16).padStart(64, '0'), 32, 'hex')
  return signature
}

const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

function nameOf(commonName: string): Uint8Array {
  return der.sequence(der.set(der.sequence(der.oid(OID.commonName), der.utf8String(commonName))))
}

function extensionsOf(ca: boolean): Uint8Array {
  const constraints = ca ? der.sequence(der.boolean(true)) : der.sequence()
  const [usage, unused] = ca ? KEY_USAGE.keyCertSign : KEY_USAGE.digitalSignature
  return der.sequence(
    critical(OID.basicConstraints, constraints),
    critical(OID.keyUsage, der.bitString(Uint8Array.of(usage), unused)),
  )
}

function critical(id: string, value: Uint8Array): Uint8Array {
  return der.sequence(der.oid(id), der.boolean(true), der.octetString(value))
}

function derSignature(signature: Uint8Array): Uint8Array {
  return der.sequence(der.integer(signature.subarray(0, 32)), der.integer(signature.subarray(32)))
}
