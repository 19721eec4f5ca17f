import { equalBytes, toHex } from '../bytes.ts'
import { iso, isSignedBy, nameOf, type X509 } from './certificate.ts'
import { demand } from './codes.ts'
import { type Crl, isRevoked } from './crl.ts'
import type { EvidenceCrypto } from './crypto.ts'

export type ChainContext = {
  /** Every certificate must be valid then; seconds since 1970. */
  time: bigint
  crypto: EvidenceCrypto
  /** Lists that `checkCrl` passed; a certificate that one of its issuer's names is refused. */
  crls?: readonly Crl[]
}

/** Bytes of a pin: SHA-256, lower-case hex, of a certificate or of its SubjectPublicKeyInfo, both in DER. */
export type Pins = { certificates?: readonly string[]; keys?: readonly string[] }

/**
 * Whether the caller trusts a root, by its bytes or its key alone: a name says nothing. Of a root known by its bytes
 * its own signature would say nothing more; of one known by its key, it says that the key's owner wrote the rest.
 * Fails with untrusted-root.
 */
export function checkPinned(
  root: X509,
  { certificates = [], keys = [] }: Pins,
  { crypto }: ChainContext,
): void {
  const certificate = toHex(crypto.sha256(root.der)).slice(2)
  if (certificates.includes(certificate)) return
  const known = keys.includes(toHex(crypto.sha256(root.spki)).slice(2))
  const told = (): string => `the root ${nameOf(root.subject)}, SHA-256 ${certificate},`
  demand(known, 'untrusted-root', () => `${told()} is not trusted`)
  demand(isSignedBy(crypto, root, root.key), 'untrusted-root', () => `${told()} is not signed by itself`)
}

/**
 * Whether a chain, from a root that `checkPinned` passed to the leaf, holds at the context's time (RFC 5280, section
 * 6.1): every certificate in its validity; authorities that may issue, with no more below them than they allow; each
 * issued and signed by the one before; none revoked; the leaf no authority.
 * Fails with broken-chain, expired, not-yet-valid, revoked.
 */
export function checkChain(chain: readonly X509[], context: ChainContext): X509 {
  const leaf = chain.at(-1)
  demand(
    leaf !== undefined && chain.length > 1,
    'broken-chain',
    'the chain has no certificate below its root',
  )
  for (const certificate of chain) checkValidity(certificate, context.time)
  for (const [depth, issuer] of chain.slice(0, -1).entries()) {
    checkAuthority(issuer, chain.length - 2 - depth)
    checkIssued(chain[depth + 1] as X509, issuer, context)
  }
  const isLeaf = !leaf.isAuthority && !leaf.mayCertify
  demand(isLeaf, 'broken-chain', () => `${nameOf(leaf.subject)}, the leaf, is an authority`)
  return leaf
}

/** Fails with expired, not-yet-valid. */
export function checkValidity({ subject, notBefore, notAfter }: X509, time: bigint): void {
  demand(
    notBefore <= time,
    'not-yet-valid',
    () => `${nameOf(subject)} is valid from ${iso(notBefore)}, it is ${iso(time)}`,
  )
  demand(
    time <= notAfter,
    'expired',
    () => `${nameOf(subject)} was valid until ${iso(notAfter)}, it is ${iso(time)}`,
  )
}

function checkIssued(certificate: X509, issuer: X509, { crypto, crls = [] }: ChainContext): void {
  const name = (): string => nameOf(certificate.subject)
  demand(
    equalBytes(certificate.issuer, issuer.subject),
    'broken-chain',
    () => `${name()} names another issuer`,
  )
  const signed = isSignedBy(crypto, certificate, issuer.key)
  demand(signed, 'broken-chain', () => `${nameOf(issuer.subject)} did not sign ${name()}`)
  const revoked = crls.some(crl => isRevoked(crl, certificate))
  demand(!revoked, 'revoked', () => `${name()}, serial ${certificate.serial}, is revoked`)
}

/** `below`: how many authorities there are between this one and the leaf. */
function checkAuthority({ subject, isAuthority, mayCertify, maxPathLength }: X509, below: number): void {
  const name = (): string => nameOf(subject)
  demand(isAuthority && mayCertify, 'broken-chain', () => `${name()} may not issue certificates`)
  const fits = maxPathLength === undefined || below <= maxPathLength
  demand(
    fits,
    'broken-chain',
    () => `${name()} allows ${maxPathLength} authorities below it, there are ${below}`,
  )
}
