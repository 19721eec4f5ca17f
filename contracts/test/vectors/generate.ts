/**
 * Writes `registration.json`: an enclave's registration and a receipt as the simulator and @nacre/verify make them, for
 * the contracts to accept (README.md). Certificates are fresh each time, so that the file changes when this runs.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  addressOf,
  configHash,
  type EnclaveConfig,
  type Identity,
  keccak256,
  type Manifest,
  manifestHash,
  measurementDigest,
  type Receipt,
  receiptId,
  releaseId,
  signReceipt,
  simulatedMeasurement,
  userData,
} from '@nacre/verify'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { createModule } from '../../../host/src/nsm/module.ts'
import { createRoot } from '../../../host/src/nsm/root.ts'

/** 2026-11-22 01:00:00 UTC. */
const TIME = 1_795_309_200

/** Where the first contract of 0x00000000000000000000000000000000000d0000 is created. */
const REGISTRY = '0xa5762868ba3fc066d98758b2e1853b3e6fffce1a'
const PUBLISHER = '0x00000000000000000000000000000000000b0000'
const OPERATOR = '0x00000000000000000000000000000000000c0000'

const hex = (bytes: Uint8Array): `0x${string}` => `0x${Buffer.from(bytes).toString('hex')}`
const bytes = (text: string): Uint8Array => Buffer.from(text.slice(2), 'hex')
const word = (text: string): `0x${string}` => keccak256(Buffer.from(text))

function main(): void {
  const manifest: Manifest = {
    version: 1,
    name: 'golden',
    engine: 'onnxruntime-node@1.30.0/cpu',
    files: [{ path: 'app/enclave.mjs', sha256: word('file'), size: 4 }],
  }
  const release = { publisher: PUBLISHER, manifestHash: manifestHash(manifest) } as const
  const config: EnclaveConfig = {
    version: 1,
    chainId: 31_337n,
    registry: REGISTRY,
    operator: OPERATOR,
    releaseId: releaseId(release.publisher, release.manifestHash),
    maxInput: 65_536,
    maxOutput: 65_536,
  }
  const key = bytes(word('receipt key'))
  const identity: Identity = {
    version: 1,
    receiptKey: addressOf(secp256k1.getPublicKey(key, false)),
    tlsKeyHash: word('tls'),
    hpkeKey: word('hpke'),
    configHash: configHash(config),
  }
  const evidence = attest(manifest, userData(identity), word('anchor block'))
  const receipt = receiptOf(config, identity)
  const domain = { chainId: config.chainId, registry: config.registry }
  const signed = {
    receipt,
    receiptId: receiptId(domain, receipt),
    signature: signReceipt(domain, receipt, key),
  }
  const measurement = measurementDigest(simulatedMeasurement(manifest))
  const vector = {
    time: TIME,
    anchorHash: word('anchor block'),
    release,
    measurement,
    config,
    identity,
    ...evidence,
    ...signed,
  }
  const text = JSON.stringify(vector, (_, value) => (typeof value === 'bigint' ? Number(value) : value), 2)
  writeFileSync(join(import.meta.dirname, 'registration.json'), `${text}\n`)
}

function attest(manifest: Manifest, data: string, nonce: string) {
  const root = createRoot(new Date(TIME * 1000))
  const module = createModule({
    root,
    pcrs: simulatedMeasurement(manifest).registers,
    moduleId: 'simulated-golden',
    clock: () => TIME * 1000,
  })
  const document = module.attest(bytes(data), bytes(nonce))
  return { root: hex(root.certificate), leaf: hex(leafOf(document)), userData: data, evidence: hex(document) }
}

/** The bytes behind the payload's key `certificate` and a two-byte length. */
function leafOf(document: Uint8Array): Uint8Array {
  const at = Buffer.from(document).indexOf('kcertificate\x59') + 'kcertificate\x59'.length
  const size = Buffer.from(document).readUInt16BE(at)
  return document.subarray(at + 2, at + 2 + size)
}

function receiptOf(config: EnclaveConfig, identity: Identity): Receipt {
  return {
    version: 1,
    requestId: word('request'),
    releaseId: config.releaseId,
    configHash: identity.configHash,
    artifact: word('artifact'),
    inputHash: word('input'),
    outputHash: word('output'),
    parametersHash: word('parameters'),
    usageHash: word('usage'),
    status: 3,
    sequence: 1_000_000_000_007n,
    anchorNumber: 990n,
    anchorHash: word('anchor block'),
    parentsRoot: `0x${'00'.repeat(32)}`,
    extensionsRoot: `0x${'00'.repeat(32)}`,
  }
}

main()
