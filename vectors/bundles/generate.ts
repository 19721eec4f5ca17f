import { DEFAULT_POLICY, type Policy, type ReceiptBundle, toJson } from '@nacre/verify'
import { clientOrigin, createBundle, NOW, policy, publisher } from '../../test/mock-authority/index.ts'

type Case = { bundle: ReceiptBundle; policy?: Policy; time?: bigint; failing: string[] }

const ELSE = `0x${'11'.repeat(32)}` as const

/** Whole bundles with policy and time, and every check that must fail. */
function cases(): Record<string, Case> {
  const bundle = createBundle()
  const fromEvidence = [
    'identity',
    'configuration',
    'release',
    'policy-assurance',
    'policy-release',
    'policy-evidence-age',
  ]
  return {
    relay: { bundle, failing: [] },
    client: { bundle: createBundle({ origin: clientOrigin }), failing: [] },
    failure: {
      bundle: createBundle({ failure: { status: 2, text: 'limit-exceeded: 70000 bytes' } }),
      failing: [],
    },
    'by-release': {
      bundle,
      policy: { ...policy, publishers: [], releases: [bundle.receipt.releaseId] },
      failing: [],
    },
    'default-policy': {
      bundle,
      policy: { ...DEFAULT_POLICY, publishers: [publisher] },
      failing: [
        'evidence-root',
        'evidence-certificates',
        'evidence-signature',
        'evidence-time',
        'evidence-nonce',
        'evidence-measurement',
        ...fromEvidence,
      ],
    },
    'real-tee-wanted': { bundle, policy: { ...policy, assurance: ['tee'] }, failing: ['policy-assurance'] },
    'other-release': {
      bundle,
      policy: { ...policy, publishers: [], releases: [ELSE] },
      failing: ['policy-release'],
    },
    'stale-evidence': { bundle, time: NOW + 3600n, failing: ['policy-evidence-age'] },
    'other-image': {
      bundle: createBundle({ evidence: { measurement: new Uint8Array(48).fill(1) } }),
      failing: ['release', 'policy-release'],
    },
    'other-key': {
      bundle: createBundle({ evidence: { userData: ELSE } }),
      failing: ['identity', 'configuration', 'release', 'policy-release'],
    },
    'other-output': { bundle: { ...bundle, output: '0x00' }, failing: ['output'] },
    'unknown-extension': {
      bundle: createBundle({ receipt: { extensionsRoot: ELSE } }),
      failing: ['extensions'],
    },
    'unknown-status': { bundle: createBundle({ receipt: { status: 9 } }), failing: ['status'] },
  }
}

export function bundleVectors(): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(cases()).map(([name, { bundle, policy: wanted = policy, time = NOW, failing }]) => [
      `bundles/${name}.json`,
      { bundle: toJson(bundle), failing, policy: wanted, time: Number(time) },
    ]),
  )
}
