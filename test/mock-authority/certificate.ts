import { fromHex } from '@nacre/verify'
import { highS, type SigningKey, signEs256 } from '../../verify/test/p256.ts'
import { bitString, der, integer, nameOf, octetString, sequence, signatureOf, TRUE, timeOf } from './der.ts'

/** A certificate to issue; times in seconds. The last fields break it. */
export type CertificateFields = {
  serial: number
  issuer: string
  subject: string
  notBefore: bigint
  notAfter: bigint
  publicKey: Uint8Array
  authority: boolean
  /** Bits of the first byte of KeyUsage: 0x80 digitalSignature, 0x04 keyCertSign. */
  keyUsage: number
  /** An extension that no verifier knows. */
  unknownExtension?: 'critical' | 'harmless'
  highS?: boolean
}

const ECDSA_SHA256 = sequence(fromHex('0x06082a8648ce3d040302'))
const P256_KEY = sequence(fromHex('0x06072a8648ce3d0201'), fromHex('0x06082a8648ce3d030107'))
const BASIC_CONSTRAINTS = fromHex('0x0603551d13')
const KEY_USAGE = fromHex('0x0603551d0f')
const UNKNOWN = fromHex('0x06032a0304')

/** X.509 v3 in DER, signed with ECDSA and SHA-256. */
export function issueCertificate(fields: CertificateFields, issuerKey: SigningKey): Uint8Array {
  const signed = sequence(
    der(0xa0, integer(Uint8Array.of(2))),
    integer(Uint8Array.of(fields.serial)),
    ECDSA_SHA256,
    nameOf(fields.issuer),
    sequence(timeOf(fields.notBefore), timeOf(fields.notAfter)),
    nameOf(fields.subject),
    sequence(P256_KEY, bitString(fields.publicKey)),
    der(0xa3, sequence(...extensionsOf(fields))),
  )
  const signature = signEs256(signed, issuerKey)
  return sequence(signed, ECDSA_SHA256, bitString(signatureOf(fields.highS ? highS(signature) : signature)))
}

function extensionsOf({ authority, keyUsage, unknownExtension }: CertificateFields): Uint8Array[] {
  const unused = Math.log2(keyUsage & -keyUsage)
  const extensions = [
    sequence(BASIC_CONSTRAINTS, TRUE, octetString(authority ? sequence(TRUE) : sequence())),
    sequence(KEY_USAGE, TRUE, octetString(bitString(Uint8Array.of(keyUsage), unused))),
  ]
  if (unknownExtension === 'critical') extensions.push(sequence(UNKNOWN, TRUE, octetString(sequence())))
  if (unknownExtension === 'harmless') extensions.push(sequence(UNKNOWN, octetString(sequence())))
  return extensions
}
