import {
  type Check,
  configHash,
  type EnclaveConfig,
  type Evidence,
  type EvidenceCrypto,
  fromHex,
  type Hex,
  type Identity,
  type Manifest,
  manifestHash,
  measurementsOf,
  nobleCrypto,
  type Policy,
  parseConfig,
  parseEvidence,
  parseIdentity,
  parseManifest,
  parsePolicy,
  releaseId,
  sameMeasurement,
  userData,
} from '@nacre/verify'
import { checkAge } from '@nacre/verify/attest/simulated'
import { createChecklist } from '@nacre/verify/checks'
import { checkEvidence } from '@nacre/verify/verify/evidence'
import { sdkError } from './errors.ts'

/** What runs at an operator, with every check made of it. */
export type Attested = {
  ok: boolean
  checks: Check[]
  identity: Identity
  config: EnclaveConfig
  releaseId: Hex
}

export type AttestOptions = {
  policy: Policy
  nonce: Hex
  /** Unix time, seconds. */
  time: bigint
  crypto?: Partial<EvidenceCrypto>
}

/**
 * Checks an operator's attestation: evidence over the nonce, under a root that the policy accepts, that binds these
 * keys, this configuration and a release that the policy names.
 * @throws NacreError bad-answer when it is not an attestation at all
 */
export function verifyAttestation(answer: unknown, options: AttestOptions): Attested {
  const { nonce, time, crypto } = options
  const policy = parsePolicy(options.policy)
  const { identity, config, evidence, publisher, manifest } = parse(answer)
  const list = createChecklist()
  fromHex(nonce, 32)
  const context = { policy, time, nonces: [nonce], crypto: { ...nobleCrypto, ...crypto } }
  const attested = checkEvidence(list, evidence, context)
  checkAge(list, 'evidence-age', attested, time, policy.maxEvidenceAge)
  const attestation = attested.ok ? attested.value : undefined
  const release = releaseId(publisher, manifestHash(manifest))
  const checks: Check[] = [
    ...list.checks,
    check('identity', attestation?.userData === userData(identity), 'the evidence binds the keys'),
    check(
      'configuration',
      identity.configHash === configHash(config) && config.releaseId === release,
      'bound and of this release',
    ),
    check(
      'release',
      attestation !== undefined &&
        measurementsOf(manifest).some(one => sameMeasurement(one, attestation.measurement)),
      `the measurement is the manifest’s, release ${release}`,
    ),
    check(
      'policy-assurance',
      attestation !== undefined && policy.assurance.includes(attestation.assurance),
      attestation?.assurance ?? 'none',
    ),
    // Without a chain the publisher is its sender's word, and its name in a policy accepts nothing.
    check('policy-release', policy.releases.includes(release), release),
    ...(policy.operators
      ? [check('policy-operator', policy.operators.includes(config.operator), config.operator)]
      : []),
  ]
  return { ok: checks.every(one => one.ok), checks, identity, config, releaseId: release }
}

type Parts = {
  identity: Identity
  config: EnclaveConfig
  evidence: Evidence
  publisher: Hex
  manifest: Manifest
}

function parse(answer: unknown): Parts {
  try {
    const { identity, config, evidence, release } = answer as Record<string, Record<string, unknown>>
    const publisher = String(release?.publisher) as Hex
    fromHex(publisher, 20)
    return {
      identity: parseIdentity(identity, 'identity'),
      config: parseConfig(config, 'config'),
      evidence: parseEvidence(evidence, 'evidence'),
      publisher,
      manifest: parseManifest(release?.manifest),
    }
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw sdkError('bad-answer', `The operator sent no attestation: ${why}.`, { cause })
  }
}

function check(name: string, ok: boolean, detail: string): Check {
  return { name, ok, detail: ok ? detail : `does not hold: ${detail}` }
}
