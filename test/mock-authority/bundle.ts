import {
  addressOf,
  configHash,
  type EnclaveConfig,
  type Evidence,
  encodeSettings,
  encodeTensor,
  fromHex,
  type Hex,
  type Identity,
  keccak256,
  type Manifest,
  manifestHash,
  type Origin,
  type Policy,
  parametersHash,
  type Receipt,
  type ReceiptBundle,
  releaseId,
  requestId,
  sha256,
  signReceipt,
  simulatedMeasurement,
  toHex,
  usageHash,
  userData,
  utf8,
  ZERO_ADDRESS,
  ZERO_HASH,
} from '@nacre/verify'
import { secp256k1PublicKey } from '../../verify/test/p256.ts'
import { createAuthority, type EvidenceOptions } from './authority.ts'

/** A fixed moment at which everything here is valid, seconds. */
export const NOW = 1_790_000_000n

export const authority = createAuthority({ seed: 'nacre vectors' })
export const receiptKey: Uint8Array = fromHex(sha256(utf8('nacre vectors receipt key')))

export const manifest: Manifest = {
  version: 1,
  name: 'vector-image',
  engine: 'onnxruntime-node@1.30.0/cpu',
  files: [
    { path: 'app/enclave.mjs', sha256: sha256(utf8('enclave')), size: 7 },
    { path: 'bin/node', sha256: sha256(utf8('node')), size: 4 },
  ],
}
export const publisher: Hex = '0x00000000000000000000000000000000000000a1'

const configOf = (manifest: Manifest): EnclaveConfig => ({
  version: 1,
  chainId: 31_337n,
  registry: '0x00000000000000000000000000000000000000b2',
  operator: '0x00000000000000000000000000000000000000c3',
  releaseId: releaseId(publisher, manifestHash(manifest)),
  maxInput: 1_048_576,
  maxOutput: 65_536,
})
const identityOf = (config: EnclaveConfig): Identity => ({
  version: 1,
  receiptKey: addressOf(secp256k1PublicKey(receiptKey)),
  tlsKeyHash: ZERO_HASH,
  hpkeKey: ZERO_HASH,
  configHash: configHash(config),
})

export const relayOrigin: Origin = {
  type: 'relay',
  relay: '0x00000000000000000000000000000000000000d4',
  consumer: '0x00000000000000000000000000000000000000e5',
  nonce: 7n,
}
export const clientOrigin: Origin = { type: 'client', nonce: keccak256(utf8('client nonce')) }
export const evidenceNonce: Hex = keccak256(utf8('evidence nonce'))

/** What the bundle's evidence is issued with. */
export const evidenceOptions: EvidenceOptions = {
  measurement: simulatedMeasurement(manifest).registers[0] as Uint8Array,
  userData: userData(identityOf(configOf(manifest))),
  nonce: evidenceNonce,
  timestamp: NOW - 60n,
}

/** A policy that accepts `createBundle()` at NOW. */
export const policy: Policy = {
  version: 1,
  assurance: ['simulated'],
  releases: [configOf(manifest).releaseId],
  publishers: [],
  maxEvidenceAge: 3600,
  developmentRoots: [toHex(authority.root)],
}

export type BundleOptions = {
  origin?: Origin
  /** Fields of the receipt to sign otherwise than they should be. */
  receipt?: Partial<Receipt>
  /** A failure: its status and text. */
  failure?: { status: number; text: string }
  /** Of an answer of a language model. */
  settings?: Record<string, unknown>
  evidence?: Partial<EvidenceOptions>
  /** Of another release. */
  manifest?: Manifest
  /** Other evidence than the simulated module's, over these. */
  attest?: (bound: { userData: Hex; nonce: Hex }) => Evidence
}

/** A bundle that verifies, or one that an enclave or authority gone wrong would have signed. */
export function createBundle(options: BundleOptions = {}): ReceiptBundle {
  const { origin = relayOrigin, failure, manifest: own = manifest, attest = simulated(options) } = options
  const { settings } = options
  const config = configOf(own)
  const identity = identityOf(config)
  const input = encodeTensor({ dtype: 'float32', dims: [1, 4], data: Float32Array.of(5.1, 3.5, 1.4, 0.2) })
  const answer = encodeTensor({ dtype: 'float32', dims: [1, 1], data: Float32Array.of(0.25) })
  const output = failure ? utf8(failure.text) : answer
  const parameters =
    settings === undefined
      ? { engine: own.engine, seed: 0n }
      : { engine: own.engine, seed: 7n, settings: encodeSettings(settings) }
  const usage = { units: 1n, price: 1_000_000_000_000n, token: ZERO_ADDRESS, maxOutput: 256 }
  const receipt: Receipt = {
    version: 1,
    requestId: requestId(config.chainId, origin),
    releaseId: config.releaseId,
    configHash: identity.configHash,
    artifact: sha256(utf8('model')),
    inputHash: keccak256(input),
    outputHash: keccak256(output),
    parametersHash: parametersHash(parameters),
    usageHash: usageHash(usage),
    status: failure?.status ?? 0,
    sequence: 3n,
    anchorNumber: 42n,
    anchorHash: keccak256(utf8('block 42')),
    parentsRoot: ZERO_HASH,
    extensionsRoot: ZERO_HASH,
    ...options.receipt,
  }
  return {
    type: 'nacre.receipt',
    version: 1,
    chainId: config.chainId,
    registry: config.registry,
    receipt,
    signature: signReceipt(config, receipt, receiptKey),
    origin,
    input: toHex(input),
    output: toHex(output),
    parameters,
    usage,
    identity,
    config,
    evidence: attest({ userData: userData(identity), nonce: evidenceNonce }),
    evidenceNonce,
    release: { publisher, manifest: own },
  }
}

const simulated =
  ({ evidence }: BundleOptions) =>
  (bound: { userData: Hex; nonce: Hex }): Evidence => ({
    kind: 'simulated',
    bytes: toHex(authority.issue({ ...evidenceOptions, ...bound, ...evidence })),
  })
