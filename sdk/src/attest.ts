import {
  type Check,
  type CryptoProvider,
  configHash,
  type EnclaveConfig,
  equalBytes,
  fromHex,
  type Hex,
  type Identity,
  type Manifest,
  manifestHash,
  type Policy,
  parseConfig,
  parseIdentity,
  parseManifest,
  parsePolicy,
  releaseId,
  simulatedMeasurement,
  userData,
  verifySimulated,
} from '@nacre/verify'
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
  crypto?: Partial<CryptoProvider>
}

/**
 * Checks an operator's attestation: evidence over the nonce, by a root that the policy names, that binds these keys,
 * this configuration and a release that the policy accepts.
 * @throws NacreError bad-answer when it is not an attestation at all
 */
export function verifyAttestation(answer: unknown, options: AttestOptions): Attested {
  const policy = parsePolicy(options.policy)
  const { identity, config, evidence, publisher, manifest } = parse(answer)
  const verdicts = policy.developmentRoots.map(root =>
    verifySimulated(evidence, {
      root: fromHex(root),
      time: options.time,
      nonce: fromHex(options.nonce, 32),
      maxAge: policy.maxEvidenceAge,
      ...(options.crypto && { crypto: options.crypto }),
    }),
  )
  const verdict = verdicts.find(one => one.ok) ?? verdicts[0]
  const attestation = verdict?.attestation
  const release = releaseId(publisher, manifestHash(manifest))
  const expected = simulatedMeasurement(manifest).registers
  const checks: Check[] = [
    ...(verdict?.checks ?? [
      check('evidence-root', false, 'simulated evidence, and the policy names no development root'),
    ]),
    check('identity', attestation?.userData === userData(identity), 'the evidence binds the keys'),
    check(
      'configuration',
      identity.configHash === configHash(config) && config.releaseId === release,
      'bound and of this release',
    ),
    check(
      'release',
      attestation !== undefined &&
        expected.every((register, i) =>
          equalBytes(register, attestation?.measurement.registers[i] ?? new Uint8Array()),
        ),
      `the measurement is the manifest’s, release ${release}`,
    ),
    check('policy-assurance', policy.assurance.includes('simulated'), 'simulated'),
    check(
      'policy-release',
      policy.releases.includes(release) || policy.publishers.includes(publisher),
      release,
    ),
    ...(policy.operators
      ? [check('policy-operator', policy.operators.includes(config.operator), config.operator)]
      : []),
  ]
  return { ok: checks.every(one => one.ok), checks, identity, config, releaseId: release }
}

type Parts = {
  identity: Identity
  config: EnclaveConfig
  evidence: Uint8Array
  publisher: Hex
  manifest: Manifest
}

function parse(answer: unknown): Parts {
  try {
    const { identity, config, evidence, release } = answer as Record<string, Record<string, unknown>>
    if (evidence?.kind !== 'simulated')
      throw new Error(`evidence of kind ${String(evidence?.kind)} is unknown`)
    const publisher = String(release?.publisher) as Hex
    fromHex(publisher, 20)
    return {
      identity: parseIdentity(identity, 'identity'),
      config: parseConfig(config, 'config'),
      evidence: fromHex(String(evidence.bytes)),
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
