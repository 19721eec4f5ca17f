import type { Hex } from './bytes.ts'
import { type Evidence, parseEvidence } from './evidence.ts'
import { configHash, type EnclaveConfig, type Identity } from './identity.ts'
import { type Parameters, parseParameters } from './parameters.ts'
import type { Receipt } from './receipt.ts'
import { type Manifest, parseManifest } from './release.ts'
import type { Origin } from './request.ts'
import {
  amountOf,
  countOf,
  countToJson,
  hexOf,
  integerOf,
  objectOf,
  oneOf,
  type Parser,
  parseJson,
  versionOf,
} from './shape.ts'
import type { Usage } from './usage.ts'

/** A receipt with everything that checking it needs: the JSON file that users keep. */
export type ReceiptBundle = {
  type: 'nacre.receipt'
  version: 1
  chainId: bigint
  registry: Hex
  receipt: Receipt
  signature: Hex
  origin: Origin
  input: Hex
  output: Hex
  parameters: Parameters
  usage: Usage
  identity: Identity
  config: EnclaveConfig
  evidence: Evidence
  evidenceNonce: Hex
  release: { publisher: Hex; manifest: Manifest }
}

export { parseParameters } from './parameters.ts'

/** Longest bundle, in characters of JSON. */
export const MAX_BUNDLE: number = 16 * 2 ** 20

const uint32 = integerOf(0, 2 ** 32 - 1)

/** Parses the JSON of a receipt, as bundles and the channel carry it. @throws NacreError wrong-type and kin */
export const parseReceipt: Parser<Receipt> = objectOf<Receipt>({
  version: integerOf(0, 2 ** 16 - 1),
  requestId: hexOf(32),
  releaseId: hexOf(32),
  configHash: hexOf(32),
  artifact: hexOf(32),
  inputHash: hexOf(32),
  outputHash: hexOf(32),
  parametersHash: hexOf(32),
  usageHash: hexOf(32),
  status: integerOf(0, 255),
  sequence: countOf(64),
  anchorNumber: countOf(64),
  anchorHash: hexOf(32),
  parentsRoot: hexOf(32),
  extensionsRoot: hexOf(32),
})

const parseConfigShape = objectOf<Omit<EnclaveConfig, 'engineHash'>, { engineHash: Hex }>(
  {
    version: versionOf(1, 2),
    chainId: countOf(256),
    registry: hexOf(20),
    operator: hexOf(20),
    releaseId: hexOf(32),
    maxInput: uint32,
    maxOutput: uint32,
  },
  { engineHash: hexOf(32) },
)

/** @throws NacreError wrong-type and kin, unsupported-version */
export const parseConfig: Parser<EnclaveConfig> = (value, path) => {
  const config = parseConfigShape(value, path)
  configHash(config)
  return config
}

export const parseIdentity: Parser<Identity> = objectOf<Identity>({
  version: versionOf(1),
  receiptKey: hexOf(20),
  tlsKeyHash: hexOf(32),
  hpkeKey: hexOf(32),
  configHash: hexOf(32),
})

export const parseUsage: Parser<Usage> = objectOf<Usage>({
  units: countOf(64),
  price: amountOf(256),
  token: hexOf(20),
  maxOutput: integerOf(0, 2 ** 32 - 1),
})

const parseRelayOrigin = objectOf<Extract<Origin, { type: 'relay' }>>({
  type: oneOf('relay'),
  relay: hexOf(20),
  consumer: hexOf(20),
  nonce: countOf(64),
})
const parseClientOrigin = objectOf<Extract<Origin, { type: 'client' }>>({
  type: oneOf('client'),
  nonce: hexOf(32),
})

export const parseOrigin: Parser<Origin> = (value, path) => {
  const relay = (value as { type?: unknown } | null)?.type === 'relay'
  return relay ? parseRelayOrigin(value, path) : parseClientOrigin(value, path)
}

/** Made when it is needed: the enclave parses parts of a bundle, and what knows manifests would be measured with it. */
const parseShape: Parser<ReceiptBundle> = (value, path) =>
  objectOf<ReceiptBundle>({
    type: oneOf('nacre.receipt'),
    version: versionOf(1),
    chainId: countOf(256),
    registry: hexOf(20),
    receipt: parseReceipt,
    signature: hexOf(65),
    origin: parseOrigin,
    input: hexOf({ max: MAX_BUNDLE }),
    output: hexOf({ max: MAX_BUNDLE }),
    parameters: parseParameters,
    usage: parseUsage,
    identity: parseIdentity,
    config: parseConfig,
    evidence: parseEvidence,
    evidenceNonce: hexOf({ max: 64 }),
    release: objectOf<ReceiptBundle['release']>({
      publisher: hexOf(20),
      manifest: value => parseManifest(value),
    }),
  })(value, path)

/**
 * A bundle from its JSON text, or from a JSON value. Only the form is checked: verifyReceipt checks the rest.
 * @throws NacreError too-large, invalid-json, wrong-type, missing-field, unknown-field, unsupported-version,
 * invalid-manifest
 */
export function parseBundle(source: string | unknown): ReceiptBundle {
  return parseShape(typeof source === 'string' ? parseJson(source, MAX_BUNDLE, 'bundle') : source, 'bundle')
}

/** The bundle as a JSON text of two spaces, with a line feed at its end. */
export function serializeBundle(bundle: ReceiptBundle): string {
  return `${JSON.stringify(toJson(bundle), null, 2)}\n`
}

/** Fields that are amounts: decimal strings, whatever their size (docs/protocol.md, conventions). */
const AMOUNTS = new Set(['seed', 'price', 'maxPrice', 'total'])

/** A bundle, or any part of it, as a JSON value: counts as numbers, amounts as decimal strings. */
export function toJson(value: unknown, field = ''): unknown {
  if (typeof value === 'bigint') return AMOUNTS.has(field) ? value.toString() : countToJson(value)
  if (Array.isArray(value)) return value.map(item => toJson(item))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toJson(item, key)]))
}
