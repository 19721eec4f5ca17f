import { equalBytes, type Hex, toHex } from '../bytes.ts'
import { NacreError } from '../errors.ts'
import {
  algorithmOf,
  iso,
  isSignedBy,
  nameOf,
  type SignatureAlgorithm,
  signatureOf,
  type X509,
} from './certificate.ts'
import { demand } from './codes.ts'
import type { EvidenceCrypto } from './crypto.ts'
import { type Der, readAll, readBytes, readOne, readTime, readUnsigned, TAG } from './der.ts'
import { oid } from './oid.ts'
import { content, splitExtensions } from './x509.ts'

/** A certificate revocation list of version 2 (RFC 5280, section 5). Times in seconds since 1970, both inclusive. */
export type Crl = {
  signed: Uint8Array
  algorithm: SignatureAlgorithm
  signature: Uint8Array
  issuer: Uint8Array
  thisUpdate: bigint
  nextUpdate: bigint
  /** Serial numbers, hex of 20 bytes as `X509.serial`. */
  revoked: ReadonlySet<Hex>
}

/** What one DER length of this codec can say; Intel's lists have 3 kB. */
const MAX_CRL = 65_536
const ISSUING_DISTRIBUTION_POINT = oid('2.5.29.28')
const DELTA_CRL_INDICATOR = oid('2.5.29.27')

/**
 * Parses a list; its signature is not checked. A list without nextUpdate, a partial one and a delta are refused: what
 * they leave out would read as not revoked.
 * @throws NacreError too-large, invalid-certificate
 */
export function parseCrl(der: Uint8Array): Crl {
  if (der.length > MAX_CRL)
    throw new NacreError('too-large', `a revocation list of ${der.length} bytes, at most ${MAX_CRL}`)
  const [signed, outerAlgorithm, signature, ...rest] = readAll(readOne(der, TAG.sequence))
  if (rest.length > 0) throw invalid('it has more than three parts')
  const algorithm = content(outerAlgorithm, TAG.sequence)
  const [version, innerAlgorithm, issuer, thisUpdate, nextUpdate, ...optional] = readAll(
    content(signed, TAG.sequence),
  )
  if (toHex(content(version, TAG.integer)) !== '0x01') throw invalid('it is not of version 2')
  if (!equalBytes(algorithm, content(innerAlgorithm, TAG.sequence)))
    throw invalid('its two signature algorithms differ')
  const revoked = optional[0]?.tag === TAG.sequence ? optional.shift() : undefined
  const extensions = optional.shift()
  if (optional.length > 0) throw invalid('it has unknown parts')
  if (extensions) requireWhole(content(extensions, TAG.context0))
  const name = algorithmOf(algorithm)
  return {
    signed: (signed as Der).bytes,
    algorithm: name,
    signature: signatureOf(readBytes(content(signature, TAG.bitString)), name),
    issuer: content(issuer, TAG.sequence),
    thisUpdate: readTime(thisUpdate),
    nextUpdate: readTime(nextUpdate),
    revoked: new Set(readAll(revoked?.content ?? new Uint8Array(0)).map(readEntry)),
  }
}

/**
 * Whether the issuer made this list, and it is current at `time`.
 * Fails with bad-collateral, not-yet-valid, stale-collateral.
 */
export function checkCrl(
  crl: Crl,
  issuer: X509,
  { time, crypto }: { time: bigint; crypto: EvidenceCrypto },
): void {
  const name = `the revocation list of ${nameOf(issuer.subject)}`
  demand(equalBytes(crl.issuer, issuer.subject), 'bad-collateral', `${name} names another issuer`)
  demand(issuer.mayRevoke, 'bad-collateral', `${nameOf(issuer.subject)} may not issue revocation lists`)
  demand(isSignedBy(crypto, crl, issuer.key), 'bad-collateral', `${name} is not signed by it`)
  const begun = crl.thisUpdate <= time
  demand(begun, 'not-yet-valid', `${name} is of ${iso(crl.thisUpdate)}, it is ${iso(time)}`)
  const current = time <= crl.nextUpdate
  demand(
    current,
    'stale-collateral',
    `${name} was to be renewed by ${iso(crl.nextUpdate)}, it is ${iso(time)}`,
  )
}

export function isRevoked(crl: Crl, { issuer, serial }: X509): boolean {
  return equalBytes(crl.issuer, issuer) && crl.revoked.has(serial)
}

/** Serial number, time, and extensions that say why: any entry is revoked, removeFromCRL is of deltas alone. */
function readEntry(entry: Der): Hex {
  const [serial] = readAll(content(entry, TAG.sequence))
  return toHex(readUnsigned(content(serial, TAG.integer), 20))
}

function requireWhole(bytes: Uint8Array): void {
  for (const { id, critical } of splitExtensions(readOne(bytes, TAG.sequence))) {
    const partial = id === ISSUING_DISTRIBUTION_POINT || id === DELTA_CRL_INDICATOR
    if (critical || partial) throw invalid(`extension ${id} is unknown, or makes it a part of a list`)
  }
}

function invalid(reason: string): NacreError {
  return new NacreError('invalid-certificate', `not a revocation list that attestation uses: ${reason}`)
}
