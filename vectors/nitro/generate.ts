import { sha384Midstate } from '@nacre/sdk/attest/midstate'
import { proveP384 } from '@nacre/sdk/attest/p384/hint'
import {
  addressOf,
  concat,
  configHash,
  type EnclaveConfig,
  fromHex,
  type Identity,
  keccak256,
  type Manifest,
  type Measurement,
  manifestHash,
  measurementDigest,
  releaseId,
  sha256,
  sha384,
  toHex,
  userData,
  utf8,
} from '@nacre/verify'
import { parseX509 } from '@nacre/verify/attest/certificate'
import { decodeSign1, ES384, sign1Message } from '@nacre/verify/attest/cose'
import { decodeNitroDocument } from '@nacre/verify/attest/nitroDocument'
import { integer } from '../../test/mock-authority/der.ts'
import {
  createNitroAuthority,
  extension,
  type NitroOptions,
  type X509Fields,
} from '../../test/mock-authority/index.ts'
import { part, SERIAL } from '../../verify/test/nitro/certificates.ts'
import { otherEs384 } from '../../verify/test/p256.ts'

/** 2026-11-22 01:00:00 UTC. */
const TIME = 1_795_309_200n
const ANCHOR = { number: 990, hash: keccak256(utf8('anchor block')) }
/** Where the first contract of 0x00000000000000000000000000000000000d0000 is created. */
const REGISTRY = '0xa5762868ba3fc066d98758b2e1853b3e6fffce1a'
/** Where in the chain. */
const ZONAL = 2
const PUBLISHER = '0x00000000000000000000000000000000000b0000'
const OPERATOR = '0x00000000000000000000000000000000000c0000'

/** A registration with a document of the size of AWS's, and the hints of its five signatures. */
export function nitroVectors(): Record<string, unknown> {
  const config: EnclaveConfig = {
    version: 1,
    chainId: 31_337n,
    registry: REGISTRY,
    operator: OPERATOR,
    releaseId: releaseId(PUBLISHER, manifestHash(MANIFEST)),
    maxInput: 65_536,
    maxOutput: 65_536,
  }
  const identity: Identity = {
    version: 1,
    receiptKey: addressOf(fromHex(`0x04${'11'.repeat(64)}`)),
    tlsKeyHash: keccak256(utf8('tls')),
    hpkeKey: keccak256(utf8('hpke')),
    configHash: configHash(config),
  }
  const evidence = issued(identity)
  const { chain, hints } = provenOf(evidence)
  const twin = issued(identity, otherEs384)
  const ofTwin = provenOf(twin)
  const { version, chainId, ...limits } = config
  return {
    'nitro/registration.json': {
      time: Number(TIME),
      anchor: ANCHOR,
      publisher: PUBLISHER,
      manifestHash: manifestHash(MANIFEST),
      root: sha256(chain[0] as Uint8Array),
      measurement: measurementDigest({ kind: 'nitro', registers: REGISTERS } as Measurement),
      config: limits,
      identity: {
        receiptKey: identity.receiptKey,
        tlsKeyHash: identity.tlsKeyHash,
        hpkeKey: identity.hpkeKey,
      },
      userData: userData(identity),
      chain: chain.map(toHex),
      evidence: toHex(evidence),
      hints: hints.map(toHex),
      twin: {
        evidence: toHex(twin),
        zonal: toHex(ofTwin.chain[ZONAL] as Uint8Array),
        zonalHint: toHex(ofTwin.hints[ZONAL - 1] as Uint8Array),
        documentHint: toHex(ofTwin.hints.at(-1) as Uint8Array),
      },
    },
  }
}

const MANIFEST: Manifest = {
  version: 1,
  name: 'nitro',
  engine: 'onnxruntime-node@1.30.0/cpu',
  files: [{ path: 'app/enclave.mjs', sha256: keccak256(utf8('file')), size: 4 }],
}

const register = (name: string): Uint8Array => sha384(utf8(name))
const REGISTERS = ['kernel and ramdisks', 'kernel', 'ramdisk'].map(register)

/** @param change of the signatures of the zonal certificate and of the document */
function issued(identity: Identity, change = (signature: Uint8Array) => signature): Uint8Array {
  const { certificates, ...options } = optionsOf(identity)
  const zonal = { ...certificates?.zonal, changeSignature: change }
  return createNitroAuthority('nacre vectors').issue({
    ...options,
    certificates: { ...certificates, zonal },
    signature: change,
  })
}

/** As AWS's: registers 0 to 4 and 8 are not zero, and the names, numbers and extensions are as long. */
function optionsOf(identity: Identity): NitroOptions {
  const [image, kernel, ramdisk] = REGISTERS as [Uint8Array, Uint8Array, Uint8Array]
  const others = { 3: register('role'), 4: register('instance'), 8: register('signer') }
  const [root, regional, zonal, instance, leaf] = [62, 90, 124, 129, 134].map(size =>
    'mock '.padEnd(size, '.'),
  ) as [string, string, string, string, string]
  return {
    time: TIME,
    userData: fromHex(userData(identity)),
    nonce: fromHex(ANCHOR.hash),
    pcrs: { 0: image, 1: kernel, 2: ramdisk, ...others },
    map: map => map.set('module_id', 'i-0827e799ec9232d44-enc019b5640fdf630d6'),
    certificates: {
      root: { ...fields(root, root, 17), extensions: [keyId('0x551d0e')] },
      regional: { ...fields(root, regional, 16), extensions: [...keyIds(), lists(101)] },
      zonal: { ...fields(regional, zonal, 17), extensions: [...keyIds(), lists(123)] },
      instance: { ...fields(zonal, instance, 20), extensions: keyIds() },
      leaf: fields(instance, leaf, 16),
    },
  }
}

/** @param size of the serial number, bytes */
function fields(issuer: string, subject: string, size: number): Partial<X509Fields> {
  const serial = register(subject).subarray(0, size)
  return { issuer, subject, ...part(SERIAL, integer(serial.with(0, 0x5c))) }
}

/** subjectKeyIdentifier or authorityKeyIdentifier: 20 bytes behind a head. */
function keyId(id: '0x551d0e' | '0x551d23'): Uint8Array {
  const head = id === '0x551d0e' ? '0x0414' : '0x30168014'
  return extension(id, concat(fromHex(head), register(id).subarray(0, 20)))
}

function keyIds(): Uint8Array[] {
  return [keyId('0x551d23'), keyId('0x551d0e')]
}

/** cRLDistributionPoints, which no verifier looks into. */
function lists(size: number): Uint8Array {
  return extension('0x551d1f', utf8('http://mock/'.padEnd(size, '.')))
}

/** The chain, and the hints of certificates below the root and of the document: docs/protocol.md, Evidence, Nitro. */
function provenOf(evidence: Uint8Array): { chain: Uint8Array[]; hints: Uint8Array[] } {
  const { payload, signature } = decodeSign1(evidence, evidence.length, ES384)
  const { cabundle, certificate } = decodeNitroDocument(payload)
  const chain = [...cabundle, certificate].map(der => parseX509(der))
  const signed = [
    ...chain.slice(1).map(({ signed, signature }) => ({ message: signed, signature })),
    { message: sign1Message(payload, ES384), signature },
  ]
  const hints = signed.map(({ message, signature }, i) => {
    const key = chain[i]?.key
    if (key?.type !== 'p384') throw new Error('a key is not on P-384')
    const statement = concat(sha384(message), signature, key.point.subarray(1))
    return concat(sha384Midstate(message), proveP384(statement))
  })
  return { chain: [...cabundle, certificate], hints }
}
