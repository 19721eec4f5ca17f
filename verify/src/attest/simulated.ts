import { type Hex, toHex } from '../bytes.ts'
import {
  type Check,
  type Checklist,
  combine,
  createChecklist,
  ensure,
  ensureEqual,
  type Fact,
  passed,
} from '../checks.ts'
import { type CryptoProvider, withDefaults } from '../crypto.ts'
import type { Measurement, TeeKind } from '../measurement.ts'
import { CLOCK_SKEW, checkLeaf, checkRoot, isSigned } from './chain.ts'
import { decodeSign1, sign1Message } from './cose.ts'
import { type AttestationDocument, decodeDocument } from './document.ts'
import { type Certificate, parseCertificate } from './x509.ts'

export { CLOCK_SKEW, ROOT_NAME } from './chain.ts'

/** What authentic evidence says; `timestamp` in seconds. */
export type Attestation = {
  kind: TeeKind
  measurement: Measurement
  userData: Hex
  nonce: Hex
  timestamp: bigint
  assurance: 'simulated' | 'tee'
}

/** Every check made of some evidence; the attestation only when all hold. */
export type SimulatedVerdict = { ok: boolean; checks: Check[]; attestation?: Attestation }

export type SimulatedOptions = {
  /** DER of the development root that the caller trusts. Never taken from the evidence. */
  root: Uint8Array
  /** Seconds since 1970: the evidence must not be from later, and its age is counted from then. */
  time: bigint
  /** The nonce that the caller sent; without it any nonce passes. */
  nonce?: Uint8Array
  /** Oldest evidence accepted, seconds. */
  maxAge: number
  crypto?: Partial<CryptoProvider>
}

export const MAX_EVIDENCE = 8192

/** Verifies evidence of the simulated security module. Never throws for bad evidence. */
export function verifySimulated(evidence: Uint8Array, options: SimulatedOptions): SimulatedVerdict {
  const { root, time, nonce, maxAge } = options
  const list = createChecklist()
  const attested = checkSimulated(
    list,
    { check: 'evidence', ok: true, value: evidence },
    {
      roots: [root],
      time,
      nonces: nonce ? [toHex(nonce)] : [],
      crypto: withDefaults(options.crypto),
    },
  )
  checkAge(list, 'evidence-age', attested, time, maxAge)
  const ok = list.checks.every(check => check.ok)
  return ok && attested.ok
    ? { ok, checks: list.checks, attestation: attested.value }
    : { ok, checks: list.checks }
}

type Context = { roots: Uint8Array[]; time: bigint; nonces: Hex[]; crypto: CryptoProvider }

/** The checks of authenticity, in order; whether the evidence is wanted is a matter of policy. */
export function checkSimulated(
  list: Checklist,
  evidence: Fact<Uint8Array>,
  context: Context,
): Fact<Attestation> {
  const document = list.check('evidence-format', [evidence], bytes => {
    const { payload, signature } = decodeSign1(bytes, MAX_EVIDENCE)
    const document = decodeDocument(payload)
    return passed(`COSE_Sign1, ES256, ${document.moduleId}`, { ...document, payload, signature })
  })
  const root = list.check('evidence-root', [document], ({ cabundle }) => checkRoot(cabundle, context.roots))
  const leaf = list.check('evidence-certificates', [document, root], (document, root) =>
    checkLeaf(parseCertificate(document.certificate), root, { ...context, time: secondsOf(document) }),
  )
  const signed = list.check('evidence-signature', [document, leaf], ({ payload, signature }, leaf) => {
    const valid = isSigned(context.crypto, sign1Message(payload), signature, leaf.publicKey)
    ensure(valid, 'the leaf certificate did not sign this document')
    return passed('signed by the leaf certificate')
  })
  const inTime = list.check('evidence-time', [document, leaf], (document, leaf) =>
    checkTime(secondsOf(document), leaf, context.time),
  )
  const nonce = list.check('evidence-nonce', [document, signed], ({ nonce }) =>
    checkNonce(toHex(nonce), context.nonces),
  )
  const measured = list.check('evidence-measurement', [document, signed], checkRegisters)
  return combine([document, measured, nonce, inTime], (document, measurement) => ({
    kind: 'simulated' as const,
    measurement,
    userData: toHex(document.userData),
    nonce: toHex(document.nonce),
    timestamp: secondsOf(document),
    assurance: 'simulated' as const,
  }))
}

/** Whether authentic evidence is recent enough; `maxAge` in seconds. */
export function checkAge(
  list: Checklist,
  name: string,
  attested: Fact<Attestation>,
  time: bigint,
  maxAge: number,
): void {
  list.check(name, [attested], ({ timestamp }) => {
    const age = time > timestamp ? time - timestamp : 0n
    ensure(age <= BigInt(maxAge), `the evidence is ${age} s old, at most ${maxAge} s are accepted`)
    return passed(`${age} s old, at most ${maxAge} s are accepted`)
  })
}

/**
 * Certificates must be valid at the document's own time, which the module signs. They live for hours and evidence is
 * looked at for longer: how old it may be is the policy's to say.
 */
function checkTime(timestamp: bigint, leaf: Certificate, time: bigint): ReturnType<typeof passed> {
  ensure(timestamp <= time + CLOCK_SKEW, `the evidence is of ${timestamp}, after ${time}`)
  const inside = leaf.notBefore <= timestamp && timestamp <= leaf.notAfter
  ensure(inside, `the evidence is of ${timestamp}, outside its certificate's validity`)
  return passed(`made at ${timestamp}`)
}

/** Whether the evidence is over the nonces that are expected, whatever kind it is of. */
export function checkNonce(nonce: Hex, expected: Hex[]): ReturnType<typeof passed> {
  for (const wanted of expected) {
    ensureEqual('the nonce', nonce, wanted)
  }
  return passed(expected.length > 0 ? 'the expected nonce' : 'any nonce accepted')
}

/** Debug enclaves have PCR 0, 1 and 2 zero while others are not: each is looked at by itself. */
function checkRegisters(document: AttestationDocument): ReturnType<typeof passed<Measurement>> {
  const registers = document.pcrs.slice(0, 3)
  for (const [i, register] of registers.entries()) {
    ensure(
      register.some(byte => byte !== 0),
      `PCR${i} is zero: a debug enclave`,
    )
  }
  return passed('PCR0, PCR1 and PCR2 measured, not in debug mode', { kind: 'simulated' as const, registers })
}

function secondsOf(document: AttestationDocument): bigint {
  return BigInt(Math.floor(document.timestamp / 1000))
}
