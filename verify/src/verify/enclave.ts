import type { Attestation } from '../attest/simulated.ts'
import type { ReceiptBundle } from '../bundle.ts'
import { type Checklist, combine, ensure, ensureEqual, type Fact, passed } from '../checks.ts'
import { configHash, type EnclaveConfig, type Identity, userData } from '../identity.ts'
import { sameMeasurement } from '../measurement.ts'
import { manifestHash, measurementsOf, releaseId } from '../release.ts'

/** Whether the evidence binds the keys of the bundle. */
export function checkIdentity(
  list: Checklist,
  { identity }: ReceiptBundle,
  attested: Fact<Attestation>,
): Fact<Identity> {
  return list.check('identity', [attested], attestation => {
    ensureEqual('the attested user data', attestation.userData, userData(identity))
    return passed(`the evidence binds the receipt key ${identity.receiptKey}`, identity)
  })
}

/** Whether the bound keys belong to this configuration, chain and registry. */
export function checkConfiguration(
  list: Checklist,
  { config, receipt, chainId, registry }: ReceiptBundle,
  identity: Fact<Identity>,
): Fact<EnclaveConfig> {
  return list.check('configuration', [identity], identity => {
    ensureEqual('the attested configuration', identity.configHash, configHash(config))
    ensureEqual('the configuration of the receipt', receipt.configHash, identity.configHash)
    ensureEqual('the chain of the configuration', config.chainId, chainId)
    ensureEqual('the registry of the configuration', config.registry, registry)
    return passed(`operator ${config.operator} on chain ${chainId}`, config)
  })
}

/** Whether the measured image is the release that the receipt names. */
export function checkRelease(
  list: Checklist,
  { release, receipt }: ReceiptBundle,
  attested: Fact<Attestation>,
  config: Fact<EnclaveConfig>,
): Fact<ReceiptBundle['release']> {
  const bound = combine([attested, config], (attestation, config) => ({ attestation, config }))
  return list.check('release', [bound], ({ attestation, config }) => {
    const id = releaseId(release.publisher, manifestHash(release.manifest))
    ensureEqual('the release of the receipt', receipt.releaseId, id)
    ensureEqual('the release of the configuration', config.releaseId, id)
    const { measurement } = attestation
    const measured = measurementsOf(release.manifest).some(one => sameMeasurement(measurement, one))
    ensure(measured, 'the evidence measures another image than the manifest')
    return passed(`the evidence measures ${release.manifest.name}`, release)
  })
}
