import { equalBytes } from '../bytes.ts'
import { isSignedBy, nameOf, type X509 } from './certificate.ts'
import { type ChainContext, checkChain, checkPinned, type Pins } from './certificateChain.ts'
import type { CertificateFiles, CrlFile } from './certificateFiles.ts'
import { demand } from './codes.ts'
import { checkCrl } from './crl.ts'
import type { EvidenceCrypto } from './crypto.ts'

/** Certificates from a root down to a leaf, and the revocation lists of those that issued. */
export type CertificatePath = { chain: X509[]; crls: IssuedCrl[] }
type IssuedCrl = CrlFile & { issuer: X509 }

/** Longest path that is looked for; real ones have three to five certificates. */
const MAX_LENGTH = 8

/**
 * The certificates from the leaf up as far as names lead; of several of one name, the one that signed what is below
 * it; and the lists of each issuer. Nothing of it is trusted before `checkPath`.
 */
export function findPath(
  leaf: X509,
  { certificates, crls }: CertificateFiles,
  { time, crypto }: { time: bigint; crypto: EvidenceCrypto },
): CertificatePath {
  const chain = [leaf]
  for (let last = leaf; chain.length < MAX_LENGTH && !isSelfIssued(last); ) {
    const named = certificates.filter(({ subject }) => equalBytes(subject, last.issuer))
    const signer = named.length > 1 ? named.find(({ key }) => isSignedBy(crypto, last, key)) : undefined
    const issuer = signer ?? named[0]
    if (!issuer) break
    chain.unshift(issuer)
    last = issuer
  }
  return { chain, crls: chain.flatMap(issuer => currentLists(issuer, crls, time)) }
}

/** All of an issuer that are current, for AMD has one of each kind of key; if none is, one to say so. */
function currentLists(issuer: X509, crls: CrlFile[], time: bigint): IssuedCrl[] {
  const own = crls.filter(({ crl }) => equalBytes(crl.issuer, issuer.subject))
  const current = own.filter(({ crl }) => crl.thisUpdate <= time && time <= crl.nextUpdate)
  return (current.length > 0 ? current : own.slice(0, 1)).map(list => ({ ...list, issuer }))
}

/**
 * Whether a path leads to a root that the caller pins, and holds; its lists must be of their issuers, and one of each
 * issuer current.
 * Fails with missing-collateral, untrusted-root, bad-collateral, stale-collateral, and as checkChain.
 */
export function checkPath({ chain, crls }: CertificatePath, pins: Pins, context: ChainContext): X509 {
  const root = chain[0] as X509
  demand(isSelfIssued(root), 'missing-collateral', `the certificate of ${nameOf(root.issuer)} is missing`)
  checkPinned(root, pins, context)
  for (const { crl, issuer } of crls) checkCrl(crl, issuer, context)
  return checkChain(chain, { ...context, crls: crls.map(({ crl }) => crl) })
}

/** What of the collateral was used, to be digested. */
export function piecesOf({ chain, crls }: CertificatePath): Record<string, Uint8Array> {
  const certificates = chain.map(({ der }, depth) => [`certificate${depth}`, der] as const)
  return Object.fromEntries([...certificates, ...crls.map(({ der }, i) => [`crl${i}`, der] as const)])
}

function isSelfIssued({ issuer, subject }: X509): boolean {
  return equalBytes(issuer, subject)
}
