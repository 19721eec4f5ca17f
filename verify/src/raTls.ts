import { decodeCbor, encodeCbor } from './attest/cbor.ts'
import { takeApart } from './attest/x509.ts'
import { parseConfig, parseIdentity, toJson } from './bundle.ts'
import { fromUtf8, type Hex, utf8 } from './bytes.ts'
import { canonicalJson } from './canonicalJson.ts'
import { messageOf, NacreError } from './errors.ts'
import { type Evidence, parseEvidence } from './evidence.ts'
import { sha256 } from './hash.ts'
import type { EnclaveConfig, Identity } from './identity.ts'
import { objectOf, parseJson } from './shape.ts'

/**
 * Certificates of TLS that ends in an enclave (docs/inference.md, Certificate): CCC interoperable RA-TLS, an X.509
 * extension that carries a conceptual message wrapper (draft-ietf-rats-msg-wrap, a CBOR record) with the evidence.
 */

/** What the extension carries. */
export type CertifiedAttestation = { config: EnclaveConfig; evidence: Evidence; identity: Identity }

/** The extension's object identifier, in words and as the content of its DER. */
export const RA_TLS_OID = '2.23.133.5.4.9'
const OID: Hex = '0x678105050409'

const MEDIA_TYPE = 'application/vnd.nacre.attestation+json'

/** Longest certificate, bytes: evidence is hex in it. */
export const MAX_RA_TLS_CERTIFICATE: number = 2 ** 18

const parseAttestation = objectOf<CertifiedAttestation>({
  config: parseConfig,
  evidence: parseEvidence,
  identity: parseIdentity,
})

/** The extension's value (the content of its OCTET STRING). */
export function encodeRaTlsExtension({ config, evidence, identity }: CertifiedAttestation): Uint8Array {
  return encodeCbor([MEDIA_TYPE, utf8(canonicalJson(toJson({ config, evidence, identity })))])
}

/**
 * What a certificate says of its enclave, and the hash of its key, which is the identity's. The evidence is not verified,
 * and neither are dates, names and signature: a TLS handshake proves who holds the key, evidence says who that is.
 * @throws NacreError invalid-certificate: no X.509 v3, no such extension or a critical one, another type, JSON that is
 * not canonical, or another key than the identity's; too-large
 */
export function parseRaTlsCertificate(der: Uint8Array): CertifiedAttestation {
  const { spki, extensions } = takeApart(der, MAX_RA_TLS_CERTIFICATE)
  const extension = extensions.find(({ id }) => id === OID)
  if (!extension) throw invalid(`it has no extension ${RA_TLS_OID}`)
  if (extension.critical) throw invalid(`its extension ${RA_TLS_OID} is critical`)
  const attestation = decodeExtension(extension.value)
  if (sha256(spki) !== attestation.identity.tlsKeyHash)
    throw invalid('its key is not the one of the identity in it')
  return attestation
}

function decodeExtension(value: Uint8Array): CertifiedAttestation {
  try {
    const record = decodeCbor(value, { maxBytes: MAX_RA_TLS_CERTIFICATE, maxDepth: 2 })
    const [type, bytes, ...rest] = Array.isArray(record) ? record : []
    if (type !== MEDIA_TYPE || !(bytes instanceof Uint8Array) || rest.length > 0)
      throw new Error(`it is no record of ${MEDIA_TYPE}`)
    const text = fromUtf8(bytes)
    const json = parseJson(text, MAX_RA_TLS_CERTIFICATE, 'the attestation')
    const attestation = parseAttestation(json, 'attestation')
    if (canonicalJson(toJson(attestation)) !== text) throw new Error('its JSON is not canonical')
    return attestation
  } catch (cause) {
    throw invalid(`its extension ${RA_TLS_OID} is malformed: ${messageOf(cause)}`, cause)
  }
}

function invalid(reason: string, cause?: unknown): NacreError {
  return new NacreError('invalid-certificate', `not an enclave’s certificate: ${reason}`, { cause })
}
