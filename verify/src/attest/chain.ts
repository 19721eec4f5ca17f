import { equalBytes, toHex } from '../bytes.ts'
import { ensure, passed } from '../checks.ts'
import type { CryptoProvider } from '../crypto.ts'
import { HALF_ORDER } from '../ecdsa.ts'
import { type Certificate, parseCertificate } from './x509.ts'

export const ROOT_NAME = 'SIMULATED-NOT-FOR-PRODUCTION'

/** How far the evidence's clock may be ahead of the caller's, seconds. */
export const CLOCK_SKEW = 5n

/**
 * The root that the caller trusts, if the evidence brings exactly these bytes. Its own signature is not checked, for
 * it would say nothing: whoever made the certificate could sign it, and the caller pins every byte of it.
 */
export function checkRoot(
  cabundle: Uint8Array[],
  roots: Uint8Array[],
): ReturnType<typeof passed<Certificate>> {
  const [bundled] = cabundle
  const pinned = roots.find(root => bundled !== undefined && equalBytes(bundled, root))
  ensure(pinned !== undefined, 'the root certificate is none that the caller trusts')
  const root = parseCertificate(pinned)
  ensure(root.commonName === ROOT_NAME, `the root certificate is not named ${ROOT_NAME}`)
  ensure(root.isAuthority && root.mayCertify, 'the root certificate may not issue certificates')
  return passed(`trusted root ${ROOT_NAME}`, root)
}

/** Whether the root, valid at `time` (seconds), issued the leaf, and the leaf may do nothing but sign. */
export function checkLeaf(
  leaf: Certificate,
  root: Certificate,
  { time, crypto }: { time: bigint; crypto: CryptoProvider },
): ReturnType<typeof passed<Certificate>> {
  const valid = root.notBefore <= time && time <= root.notAfter
  ensure(valid, `the evidence is of ${time}, outside the root certificate's validity`)
  ensure(equalBytes(leaf.issuer, root.subject), 'the leaf certificate names another issuer')
  ensure(!leaf.isAuthority && !leaf.mayCertify, 'the leaf certificate is an authority')
  ensure(leaf.maySign, 'the leaf certificate may not sign documents')
  ensure(
    isSigned(crypto, leaf.signed, leaf.signature, root.publicKey),
    'the root did not sign the leaf certificate',
  )
  return passed(`leaf valid from ${leaf.notBefore} to ${leaf.notAfter}`, leaf)
}

/** Low-s only, as the verifier on chain demands: each document then has one signature of a kind. */
export function isSigned(
  crypto: CryptoProvider,
  message: Uint8Array,
  signature: Uint8Array,
  key: Uint8Array,
): boolean {
  if (BigInt(toHex(signature.subarray(32))) > HALF_ORDER.p256) return false
  return crypto.verifyEs256(message, signature, key)
}
