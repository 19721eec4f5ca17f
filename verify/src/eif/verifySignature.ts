import { encodeCbor } from '../attest/cbor.ts'
import { parseX509 } from '../attest/certificate.ts'
import { decodeSign1, ES384, sign1Message } from '../attest/cose.ts'
import { type EvidenceCrypto, withEvidenceDefaults } from '../attest/crypto.ts'
import { equalBytes } from '../bytes.ts'
import { type Eif, measureEif } from '../eif.ts'
import { NacreError } from '../errors.ts'
import type { ImageHashes } from './hashes.ts'
import { MAX_SIGNATURE } from './signature.ts'

export type EifSignatureOptions = {
  /** Unix time, seconds: the certificate must be valid then, as Nitro demands of the moment of a launch. */
  time?: bigint
  crypto?: Partial<EvidenceCrypto>
  hashes?: Partial<ImageHashes>
}

/**
 * Checks an image's signature: COSE_Sign1 with ES384, by the key of the certificate beside it, over its own PCR 0.
 * Whose certificate it is, nobody vouches for: who knows it knows its PCR 8, which is returned.
 * @throws NacreError invalid-eif-signature; invalid-certificate, invalid-cose, invalid-cbor, invalid-text
 */
export function verifyEifSignature(eif: Eif, options: EifSignatureOptions = {}): Uint8Array {
  const { signature } = eif
  if (!signature) throw invalid('it is not signed')
  const { pcr0, pcr8 } = measureEif(eif, options)
  const { key, notBefore, notAfter, hasKeyUsage, maySign } = parseX509(signature.certificate, {
    maxBytes: MAX_SIGNATURE,
  })
  if (key.type !== 'p384') throw invalid('the certificate’s key is not on P-384')
  if (hasKeyUsage && !maySign) throw invalid('the certificate’s key is not for signatures')
  const { time } = options
  if (time !== undefined && (time < notBefore || time > notAfter))
    throw invalid('the certificate is not valid now')
  const { payload, signature: signed } = decodeSign1(signature.document, MAX_SIGNATURE, ES384)
  if (!equalBytes(payload, signedPayload(pcr0))) throw invalid('it signs another PCR 0')
  const { verifyEs384 } = withEvidenceDefaults(options.crypto)
  if (!verifyEs384(sign1Message(payload, ES384), signed, key.point))
    throw invalid('the certificate’s key did not make it')
  return pcr8 as Uint8Array
}

/** What is signed: the number of a register and its value, as an array of numbers. */
export function signedPayload(pcr0: Uint8Array): Uint8Array {
  return encodeCbor(
    new Map<string, number | number[]>([
      ['register_index', 0],
      ['register_value', [...pcr0]],
    ]),
  )
}

function invalid(reason: string): NacreError {
  return new NacreError('invalid-eif-signature', `the image’s signature does not hold: ${reason}`)
}
