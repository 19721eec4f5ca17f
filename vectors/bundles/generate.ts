import {
  DEFAULT_POLICY,
  encodeSettings,
  fromHex,
  type Policy,
  type ReceiptBundle,
  toJson,
} from '@nacre/verify'
import {
  clientOrigin,
  createBundle,
  createNitroAuthority,
  createNitroBundle,
  manifest,
  NOW,
  nitroPolicy,
  nitroRelease,
  policy,
  publisher,
} from '../../test/mock-authority/index.ts'

type Case = { bundle: ReceiptBundle; policy?: Policy; time?: bigint; failing: string[] }

const ELSE = `0x${'11'.repeat(32)}` as const

/** What fails when evidence is not authentic: nothing that it says is established. */
const fromEvidence = [
  'identity',
  'configuration',
  'release',
  'policy-assurance',
  'policy-release',
  'policy-evidence-age',
]
/** The checks of evidence, in order: each of them rests on some before it. */
const ofEvidence = 'kind format root certificates signature time nonce measurement'
  .split(' ')
  .map(name => `evidence-${name}`)
const from = (check: string) => [
  ...ofEvidence.slice(ofEvidence.indexOf(`evidence-${check}`)),
  ...fromEvidence,
]

/** Answers of a language model: parameters of version 2. */
function languageCases(): Record<string, Case> {
  const settings = { api: 'chat.completions', contextSize: 2048, kernel: 'skylakex', temperature: 0.7 }
  const language = createBundle({ origin: clientOrigin, settings })
  const { parameters } = language
  const { settings: _, ...first } = parameters
  const failed = { origin: clientOrigin, settings, failure: { status: 3, text: 'data: '.repeat(50) } }
  return {
    language: { bundle: language, failing: [] },
    'language-failed': { bundle: createBundle(failed), failing: [] },
    'language-other-settings': {
      bundle: {
        ...language,
        parameters: { ...parameters, settings: encodeSettings({ ...settings, temperature: 0 }) },
      },
      failing: ['parameters'],
    },
    'language-no-settings': { bundle: { ...language, parameters: first }, failing: ['parameters'] },
    'language-status': {
      bundle: createBundle({ ...failed, failure: { status: 1, text: 'bad-input: no' } }),
      failing: ['status'],
    },
  }
}

/** Whole bundles with policy and time, and every check that must fail. */
function cases(): Record<string, Case> {
  const bundle = createBundle()
  return {
    relay: { bundle, failing: [] },
    client: { bundle: createBundle({ origin: clientOrigin }), failing: [] },
    failure: {
      bundle: createBundle({ failure: { status: 2, text: 'limit-exceeded: 70000 bytes' } }),
      failing: [],
    },
    'by-publisher': {
      bundle,
      policy: { ...policy, publishers: [publisher], releases: [] },
      failing: ['policy-release'],
    },
    'default-policy': {
      bundle,
      policy: { ...DEFAULT_POLICY, publishers: [publisher] },
      failing: from('root'),
    },
    'real-tee-wanted': { bundle, policy: { ...policy, assurance: ['tee'] }, failing: ['policy-assurance'] },
    'other-release': {
      bundle,
      policy: { ...policy, releases: [ELSE] },
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
    ...languageCases(),
    ...nitroCases(),
    ...otherKinds(bundle),
  }
}

/** Bundles with a document of AWS Nitro's form, under the policy that names its root. */
function nitroCases(): Record<string, Case> {
  const bundle = createNitroBundle()
  const stranger = createNitroAuthority('a stranger')
  const { nitroRoots: _, ...aws } = nitroPolicy
  const nitro = (change: Parameters<typeof createNitroBundle>[0], failing: string[]): Case => ({
    bundle: createNitroBundle(change),
    policy: nitroPolicy,
    failing,
  })
  const leaf = (fields: object) => ({ nitro: { certificates: { leaf: fields } } })
  return {
    nitro: nitro({}, []),
    'nitro-after-leaf': {
      bundle,
      policy: { ...nitroPolicy, maxEvidenceAge: 86_400 },
      time: NOW + 20_000n,
      failing: [],
    },
    'nitro-stale': { bundle, policy: nitroPolicy, time: NOW + 3600n, failing: ['policy-evidence-age'] },
    'nitro-simulated-wanted': {
      bundle,
      policy: { ...nitroPolicy, assurance: ['simulated'] },
      failing: ['policy-assurance'],
    },
    'nitro-aws-wanted': { bundle, policy: aws, failing: from('root') },
    'nitro-other-root': {
      bundle,
      policy: { ...nitroPolicy, nitroRoots: [`0x${stranger.pin}`] },
      failing: from('root'),
    },
    'nitro-leaf-expired': nitro(leaf({ notAfter: NOW - 61n }), [
      'evidence-certificates',
      'evidence-signature',
      'evidence-time',
      'evidence-nonce',
      'evidence-measurement',
      ...fromEvidence,
    ]),
    'nitro-leaf-weak': nitro(leaf({ keyUsage: 0x04 }), from('certificates')),
    'nitro-signature': nitro(
      { nitro: { signature: bytes => bytes.map((byte, i) => byte ^ Number(i === 95)) } },
      from('signature').filter(name => name !== 'evidence-time'),
    ),
    'nitro-future': nitro({ nitro: { time: NOW + 6n } }, ['evidence-time', ...fromEvidence]),
    'nitro-other-nonce': nitro({ nitro: { nonce: new Uint8Array(32) } }, ['evidence-nonce', ...fromEvidence]),
    'nitro-no-nonce': {
      bundle: { ...createNitroBundle({ nitro: { nonce: null } }), evidenceNonce: '0x' },
      policy: nitroPolicy,
      failing: ['evidence-nonce', ...fromEvidence],
    },
    'nitro-debug': nitro({ nitro: { pcrs: { 1: new Uint8Array(48) } } }, [
      'evidence-measurement',
      ...fromEvidence,
    ]),
    'nitro-other-image': nitro({ nitro: { pcrs: { 2: new Uint8Array(48).fill(1) } } }, [
      'release',
      'policy-release',
    ]),
    'nitro-of-a-folder': nitro({ manifest }, ['release', 'policy-release']),
    'nitro-no-key': nitro({ nitro: { userData: null } }, [
      'identity',
      'configuration',
      'release',
      'policy-release',
    ]),
  }
}

/** Evidence under another kind than its own, and of kinds that a bundle has no collateral for. */
function otherKinds(bundle: ReceiptBundle): Record<string, Case> {
  const as = (
    kind: ReceiptBundle['evidence']['kind'],
    { evidence, ...rest }: ReceiptBundle,
  ): ReceiptBundle => ({
    ...rest,
    evidence: { ...evidence, kind },
  })
  const both: Policy = { ...nitroPolicy, ...policy, assurance: ['simulated', 'tee'] }
  const register = nitroRelease.measurements[0]!.registers[0]!
  const release = {
    ...nitroRelease,
    measurements: [{ kind: 'nitro' as const, registers: [register, register, register] }],
  }
  const measured = createBundle({ manifest: release, evidence: { measurement: fromHex(register) } })
  return {
    'simulated-as-nitro': { bundle: as('nitro', bundle), policy: both, failing: from('format') },
    'nitro-as-simulated': {
      bundle: as('simulated', createNitroBundle()),
      policy: both,
      failing: from('format'),
    },
    'kind-tdx': { bundle: as('tdx', bundle), policy: both, failing: from('kind') },
    'kind-snp': { bundle: as('snp', bundle), policy: both, failing: from('kind') },
    'kind-dstack': { bundle: as('dstack', bundle), policy: both, failing: from('kind') },
    'simulated-of-a-release': {
      bundle: measured,
      policy: { ...policy, releases: [measured.receipt.releaseId] },
      failing: [],
    },
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
