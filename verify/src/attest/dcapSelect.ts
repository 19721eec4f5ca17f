import { equalBytes, toHex } from '../bytes.ts'
import { messageOf } from '../errors.ts'
import { iso, nameOf, parseX509, type X509 } from './certificate.ts'
import { checkChain } from './certificateChain.ts'
import { demand, refusing } from './codes.ts'
import { type Crl, checkCrl, isRevoked, parseCrl } from './crl.ts'
import type { DcapCollateral, SignedJson } from './dcapCollateral.ts'
import type { Platform } from './pck.ts'
import { parseQeIdentity, type QeIdentity } from './qeIdentity.ts'
import { parseTcbInfo, type TcbInfo } from './tcbInfo.ts'
import type { EvidenceContext } from './verdict.ts'

// Of the collateral there is, what a quote needs: of each kind the latest of those that are current at the time, so
// that a folder may hold that of many machines and months.

/** The revocation list of an issuer. Fails with missing-collateral, bad-collateral, stale-collateral, not-yet-valid. */
export function selectCrl(
  { crls }: DcapCollateral,
  issuer: X509,
  context: EvidenceContext,
): { crl: Crl; der: Uint8Array } {
  const { values, failure } = readAllOf(crls, parseCrl)
  const candidates = values
    .filter(({ value }) => equalBytes(value.issuer, issuer.subject))
    .map(({ value: crl, item: der }) => ({
      crl,
      der,
      issueDate: crl.thisUpdate,
      nextUpdate: crl.nextUpdate,
    }))
  const found = latest(candidates, context.time)
  demand(
    found !== undefined,
    failure === undefined ? 'missing-collateral' : 'bad-collateral',
    () => failure ?? `there is no revocation list of ${nameOf(issuer.subject)}`,
  )
  checkCrl(found.crl, issuer, context)
  return found
}

/**
 * Certificates that sign collateral: issued by the root itself, under the name that Intel gives them, not revoked.
 * Fails with missing-collateral, or as checkChain for the first if none holds.
 */
export function selectSigners(
  { certificates }: DcapCollateral,
  root: X509,
  rootCrl: Crl,
  context: EvidenceContext,
): X509[] {
  // Most chains of collateral have the same certificates.
  const different = new Map(certificates.map(der => [toHex(der), der]))
  const candidates = readAllOf([...different.values()], der => parseX509(der))
    .values.map(({ value }) => value)
    .filter(({ subject, issuer }) => nameOf(subject).includes(SIGNER) && equalBytes(issuer, root.subject))
  demand(candidates.length > 0, 'missing-collateral', () => `there is no certificate of ${SIGNER}`)
  const { values, error } = readAllOf(candidates, signer => checkSigner(signer, root, rootCrl, context))
  if (values.length === 0) throw error
  return values.map(({ value }) => value)
}

const SIGNER = 'Intel SGX TCB Signing'

function checkSigner(signer: X509, root: X509, rootCrl: Crl, context: EvidenceContext): X509 {
  checkChain([root, signer], context)
  demand(!isRevoked(rootCrl, signer), 'revoked', () => `${nameOf(signer.subject)} is revoked`)
  demand(signer.maySign, 'broken-chain', () => `${nameOf(signer.subject)} may not sign`)
  return signer
}

/** Fails with missing-collateral, bad-collateral, stale-collateral, not-yet-valid. */
export function selectTcbInfo(
  { tcbInfos }: DcapCollateral,
  tee: TcbInfo['tee'],
  { fmspc, pceId }: Platform,
  signers: readonly X509[],
  context: EvidenceContext,
): Signed<TcbInfo> {
  const ofMachine = tcbInfos.filter(({ text }) => {
    // Version 2 has none: it was of SGX alone.
    const found = peek(text, { id: 'SGX' })
    const same = found.fmspc?.toLowerCase() === fmspc && found.pceId?.toLowerCase() === pceId
    return same && found.id?.toLowerCase() === tee
  })
  const what = `TCB info of ${tee.toUpperCase()} for FMSPC ${fmspc}, PCE ${pceId}`
  return selectSigned(ofMachine, what, text => parseTcbInfo(text, tee), signers, context)
}

/** Fails as selectTcbInfo. */
export function selectQeIdentity(
  { qeIdentities }: DcapCollateral,
  tee: TcbInfo['tee'],
  signers: readonly X509[],
  context: EvidenceContext,
): Signed<QeIdentity> {
  const id = tee === 'sgx' ? 'QE' : 'TD_QE'
  const ofTee = qeIdentities.filter(({ text }) => peek(text).id === id)
  return selectSigned(ofTee, `identity of the quoting enclave ${id}`, parseQeIdentity, signers, context)
}

type Validity = { issueDate: bigint; nextUpdate: bigint; evaluation?: number }
type Signed<T> = { value: T; piece: SignedJson }

function selectSigned<T extends Validity>(
  pieces: readonly SignedJson[],
  what: string,
  parse: (text: string) => T,
  signers: readonly X509[],
  { time, crypto }: EvidenceContext,
): Signed<T> {
  demand(pieces.length > 0, 'missing-collateral', `there is no ${what}`)
  const values = pieces.map(piece => ({ value: refusing('bad-collateral', () => parse(piece.text)), piece }))
  const candidates = values.map(signed => ({ ...signed.value, signed }))
  const found = latest(candidates, time)?.signed as Signed<T>
  const { bytes, signature } = found.piece
  const isSigned = signers.some(
    ({ key }) => key.type === 'p256' && crypto.verifyEs256(bytes, signature, key.point),
  )
  demand(isSigned, 'bad-collateral', `the ${what} is not signed by ${SIGNER}`)
  const { issueDate, nextUpdate } = found.value
  demand(issueDate <= time, 'not-yet-valid', () => `the ${what} is of ${iso(issueDate)}, it is ${iso(time)}`)
  const current = time <= nextUpdate
  demand(
    current,
    'stale-collateral',
    () => `the ${what} was to be renewed by ${iso(nextUpdate)}, it is ${iso(time)}`,
  )
  return found
}

/** Those that are current first, and of them the latest evaluation, then the latest issue. */
function latest<T extends Validity>(candidates: readonly T[], time: bigint): T | undefined {
  const rank = ({ issueDate, nextUpdate, evaluation = 0 }: T): [bigint, bigint] => {
    const current = issueDate <= time && time <= nextUpdate
    return [current ? BigInt(evaluation) + 1n : 0n, issueDate]
  }
  return candidates.reduce<T | undefined>((best, candidate) => {
    if (best === undefined) return candidate
    const [[a, b], [c, d]] = [rank(best), rank(candidate)]
    return c > a || (c === a && d > b) ? candidate : best
  }, undefined)
}

/** What could be read of a list, and why the first of the rest could not. */
function readAllOf<I, T>(
  items: readonly I[],
  read: (item: I) => T,
): { values: { value: T; item: I }[]; error?: unknown; failure?: string } {
  const values: { value: T; item: I }[] = []
  const errors: unknown[] = []
  for (const item of items) {
    try {
      values.push({ value: read(item), item })
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length === 0) return { values }
  return { values, error: errors[0], failure: messageOf(errors[0]) }
}

/** Texts by which a JSON is chosen, before it is read whole. */
function peek(text: string, defaults: Record<string, string> = {}): Record<string, string | undefined> {
  const value: unknown = refusing('bad-collateral', () => JSON.parse(text))
  const fields = typeof value === 'object' && value !== null ? Object.entries(value) : []
  return { ...defaults, ...Object.fromEntries(fields.filter(([, item]) => typeof item === 'string')) }
}
