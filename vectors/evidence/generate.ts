import { type Hex, toHex } from '@nacre/verify'
import {
  authority,
  createAuthority,
  type EvidenceOptions,
  evidenceNonce,
  evidenceOptions,
  NOW,
} from '../../test/mock-authority/index.ts'
import { signingKey } from '../../verify/test/p256.ts'

type Case = {
  evidence: Uint8Array
  root?: Uint8Array
  time?: bigint
  nonce?: Hex
  maxAge?: number
  failing: string | null
}

const LEAF = 10_800n
const zeroPcr = (index: number): Uint8Array[] =>
  Array.from({ length: 16 }, (_, i) =>
    i === index || i > 4 ? new Uint8Array(48) : evidenceOptions.measurement,
  )

/** Evidence that verifies, and evidence broken in one place, with the first check that must fail. */
function cases(): Record<string, Case> {
  const issue = (options: Partial<EvidenceOptions> = {}) =>
    authority.issue({ ...evidenceOptions, ...options })
  const stranger = createAuthority({ seed: 'a stranger' })
  const stranger64 = signingKey('a stranger')
  const { timestamp } = evidenceOptions
  const valid = issue()
  const broken = (failing: string, options: Partial<EvidenceOptions>): Case => ({
    evidence: issue(options),
    failing,
  })
  const rooted = (failing: string, root: Parameters<typeof createAuthority>[0]['root'] & object): Case => {
    const other = createAuthority({ seed: 'nacre vectors', root })
    return { evidence: other.issue(evidenceOptions), root: other.root, failing }
  }
  return {
    valid: { evidence: valid, failing: null },
    'valid-nonce-64': {
      evidence: issue({ nonce: `0x${'5a'.repeat(64)}` }),
      nonce: `0x${'5a'.repeat(64)}`,
      failing: null,
    },
    'valid-after-leaf': { evidence: valid, time: timestamp + LEAF + 1n, maxAge: 100_000, failing: null },
    'format-empty': { evidence: new Uint8Array(0), failing: 'evidence-format' },
    'format-trailing-byte': { evidence: Uint8Array.of(...valid, 0), failing: 'evidence-format' },
    'format-cut-short': { evidence: valid.subarray(0, -1), failing: 'evidence-format' },
    'format-es384': broken('evidence-format', { signature: 'es384' }),
    'format-nitro-module': broken('evidence-format', {
      document: { moduleId: 'i-0827e799ec9232d44-enc019b' },
    }),
    'format-user-data': broken('evidence-format', { document: { userData: new Uint8Array(31) } }),
    'format-no-nonce': broken('evidence-format', { document: { nonce: new Uint8Array(0) } }),
    'format-15-pcrs': broken('evidence-format', { document: { pcrs: zeroPcr(9).slice(1) } }),
    'format-two-cas': broken('evidence-format', { document: { cabundle: [authority.root, authority.root] } }),
    'format-unknown-key': broken('evidence-format', { map: map => map.set('extra', 1) }),
    'format-missing-key': broken('evidence-format', { map: map => map.delete('digest') }),
    'format-sha512': broken('evidence-format', { map: map => map.set('digest', 'SHA512') }),
    'format-public-key': broken('evidence-format', { map: map => map.set('public_key', new Uint8Array(32)) }),
    'root-from-document': { evidence: stranger.issue(evidenceOptions), failing: 'evidence-root' },
    'root-wrong-name': rooted('evidence-root', { subject: 'aws.nitro-enclaves' }),
    'root-no-authority': rooted('evidence-root', { authority: false }),
    'root-may-not-certify': rooted('evidence-root', { keyUsage: 0x80 }),
    'root-expired': rooted('evidence-certificates', { notAfter: timestamp - 1n }),
    'leaf-other-signer': broken('evidence-certificates', { leafSigner: stranger64 }),
    'leaf-other-issuer': broken('evidence-certificates', { leaf: { issuer: 'somebody' } }),
    'leaf-authority': broken('evidence-certificates', { leaf: { authority: true } }),
    'leaf-may-certify': broken('evidence-certificates', { leaf: { keyUsage: 0x84 } }),
    'leaf-may-not-sign': broken('evidence-certificates', { leaf: { keyUsage: 0x08 } }),
    'leaf-critical-extension': broken('evidence-certificates', { leaf: { unknownExtension: 'critical' } }),
    'leaf-high-s': broken('evidence-certificates', { leaf: { highS: true } }),
    'signature-other-key': broken('evidence-signature', { documentSigner: stranger64 }),
    'signature-high-s': broken('evidence-signature', { signature: 'high-s' }),
    'time-future': broken('evidence-time', { timestamp: NOW + 60n, leaf: { notBefore: NOW - 60n } }),
    'time-after-leaf': broken('evidence-time', { leaf: { notAfter: timestamp - 1n } }),
    'time-before-leaf': broken('evidence-time', { leaf: { notBefore: timestamp + 1n } }),
    'nonce-other': { evidence: valid, nonce: `0x${'11'.repeat(32)}`, failing: 'evidence-nonce' },
    'debug-pcr0': broken('evidence-measurement', { document: { pcrs: zeroPcr(0) } }),
    'debug-pcr1': broken('evidence-measurement', { document: { pcrs: zeroPcr(1) } }),
    'debug-pcr2': broken('evidence-measurement', { document: { pcrs: zeroPcr(2) } }),
    'age-stale': { evidence: valid, time: timestamp + 3601n, failing: 'evidence-age' },
  }
}

/** What valid evidence says: what it was issued with. */
const ATTESTED = {
  pcr0: toHex(evidenceOptions.measurement),
  timestamp: Number(evidenceOptions.timestamp),
  userData: evidenceOptions.userData,
}

export function evidenceVectors(): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(cases()).map(([name, { evidence, root, time, nonce, maxAge, failing }]) => [
      `evidence/${name}.json`,
      {
        evidence: toHex(evidence),
        failing: failing ?? '',
        maxAge: maxAge ?? 3600,
        nonce: nonce ?? evidenceNonce,
        root: toHex(root ?? authority.root),
        time: Number(time ?? NOW),
        valid: failing === null,
        ...(failing === null && ATTESTED),
      },
    ]),
  )
}
