import { toHex } from '../bytes.ts'
import { type Checklist, combine, type Fact, passed } from '../checks.ts'
import type { Attested } from './attested.ts'
import { iso, parseX509, type X509 } from './certificate.ts'
import { checkChain, checkPinned } from './certificateChain.ts'
import { isSigned, ROOT_NAME } from './chain.ts'
import { demand } from './codes.ts'
import { decodeSign1, sign1Message } from './cose.ts'
import type { EvidenceCrypto } from './crypto.ts'
import { type AttestationDocument, decodeDocument } from './document.ts'
import { DEFAULT_EVIDENCE_POLICY, type EvidencePolicy } from './evidencePolicy.ts'
import { checkDocumentTime } from './nitro.ts'
import { MAX_EVIDENCE } from './simulated.ts'
import { createContext, createVerdict, type EvidenceContext, type Verdict } from './verdict.ts'

/**
 * Verifies evidence of the simulated security module (docs/protocol.md, Evidence) as `verifyNitro` verifies Nitro's.
 * Nobody vouches for it: no root is trusted but those that the policy names, so the default policy accepts none.
 *
 * Never throws for bad evidence.
 * @throws NacreError as createContext, for a time or policy that is malformed
 */
export function verifySimulatedEvidence(
  evidence: Uint8Array,
  _collateral: unknown,
  time: bigint,
  policy: EvidencePolicy = DEFAULT_EVIDENCE_POLICY,
  provider: Partial<EvidenceCrypto> = {},
): Verdict {
  const context = createContext(time, policy, provider)
  return createVerdict('simulated', context, list => authenticate(list, evidence, context))
}

function authenticate(list: Checklist, evidence: Uint8Array, context: EvidenceContext): Fact<Attested> {
  const { crypto, time, policy } = context
  const document = list.check('format', [], () => {
    const { payload, signature } = decodeSign1(evidence, MAX_EVIDENCE)
    const document = decodeDocument(payload)
    return passed(`COSE_Sign1, ES256, ${document.moduleId}`, { ...document, payload, signature })
  })
  const chain = list.check('root', [document], ({ cabundle, certificate }) => {
    const chain = [...cabundle, certificate].map(der => parseX509(der, { maxBytes: 1024 }))
    checkPinned(chain[0] as X509, { certificates: policy.roots ?? [] }, context)
    return passed(`${ROOT_NAME}, a root that the policy names`, chain)
  })
  const leaf = list.check('certificates', [chain], chain => {
    const leaf = checkChain(chain, context)
    demand(leaf.maySign, 'broken-chain', 'the leaf certificate may not sign documents')
    const low = isLowSigned(crypto, leaf.signed, leaf.signature, chain[0])
    demand(low, 'broken-chain', 'the signature of the leaf certificate is not low-s')
    return passed(`the leaf valid until ${iso(leaf.notAfter)}`, leaf)
  })
  const signed = list.check('signature', [document, leaf], ({ payload, signature }, leaf) => {
    const valid = isLowSigned(crypto, sign1Message(payload), signature, leaf)
    demand(valid, 'bad-signature', 'the leaf certificate did not sign this document')
    return passed('signed by the leaf certificate')
  })
  const made = list.check('document-time', [document, leaf], ({ timestamp }, leaf) =>
    checkDocumentTime(timestamp, leaf, time),
  )
  return combine([document, signed, made], (document, _, timestamp) => attestedBy(document, timestamp))
}

function isLowSigned(
  crypto: EvidenceCrypto,
  message: Uint8Array,
  signature: Uint8Array,
  signer: X509 | undefined,
): boolean {
  return signer?.key.type === 'p256' && isSigned(crypto, message, signature, signer.key.point)
}

function attestedBy(document: AttestationDocument, timestamp: bigint): Attested {
  const { pcrs, moduleId, userData, nonce } = document
  return {
    measurements: Object.fromEntries(pcrs.map((pcr, index) => [`pcr${index}`, toHex(pcr).slice(2)])),
    reportData: toHex(userData).slice(2),
    nonce: toHex(nonce).slice(2),
    timestamp,
    tcbStatus: null,
    tcb: {},
    advisories: [],
    debug: pcrs.slice(0, 3).some(pcr => pcr.every(byte => byte === 0)),
    partial: null,
    platform: { moduleId },
  }
}
