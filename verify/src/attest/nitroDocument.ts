import { NacreError } from '../errors.ts'
import { type CborMap, type CborValue, decodeCborMap } from './cbor.ts'

/**
 * The payload of an AWS Nitro attestation document (aws-nitro-enclaves-nsm-api, docs/attestation_process.md). What may
 * be left out comes as null, or is absent.
 */
export type NitroDocument = {
  /** `i-<instance>-enc<enclave>`. */
  moduleId: string
  /** Milliseconds since 1970. */
  timestamp: number
  /** By index: 0 to 15, and of 16 to 31 those that the enclave locked; 48 bytes each. */
  pcrs: ReadonlyMap<number, Uint8Array>
  /** Leaf, DER. */
  certificate: Uint8Array
  /** From the root down to the leaf's issuer, DER. */
  cabundle: Uint8Array[]
  publicKey: Uint8Array | null
  userData: Uint8Array | null
  nonce: Uint8Array | null
}

export const MAX_PAYLOAD = 16_384

const REQUIRED = ['module_id', 'digest', 'timestamp', 'pcrs', 'certificate', 'cabundle']
const OPTIONAL = ['public_key', 'user_data', 'nonce']
const MAX_PCRS = 32
/** A real bundle has four certificates; each is verified, and that is work. */
const MAX_BUNDLE = 8
const MAX_CERTIFICATE = 1024

/** @throws NacreError too-large, invalid-cbor, invalid-text, invalid-evidence */
export function decodeNitroDocument(payload: Uint8Array): NitroDocument {
  const map = decodeCborMap(payload, { maxBytes: MAX_PAYLOAD, maxDepth: 2 })
  const missing = REQUIRED.find(key => !map.has(key))
  if (missing !== undefined) throw invalid(`${missing} is missing`)
  for (const key of map.keys()) {
    if (![...REQUIRED, ...OPTIONAL].includes(String(key)))
      throw invalid(`the key ${String(key).slice(0, 32)} is unknown`)
  }
  if (map.get('digest') !== 'SHA384') throw invalid('digest is not SHA384')
  return {
    moduleId: readModuleId(map.get('module_id')),
    timestamp: readTimestamp(map.get('timestamp')),
    pcrs: readPcrs(map.get('pcrs')),
    certificate: readCertificate(map.get('certificate')),
    cabundle: readBundle(map.get('cabundle')),
    publicKey: readOptional(map, 'public_key', 1, 1024),
    userData: readOptional(map, 'user_data', 0, 512),
    nonce: readOptional(map, 'nonce', 0, 512),
  }
}

function readModuleId(value: CborValue | undefined): string {
  if (typeof value === 'string' && /^[!-~]{1,128}$/.test(value)) return value
  throw invalid('module_id is no text of 1 to 128 printable characters')
}

function readTimestamp(value: CborValue | undefined): number {
  if (typeof value === 'number' && value > 0) return value
  throw invalid('timestamp is not a positive integer')
}

function readPcrs(value: CborValue | undefined): Map<number, Uint8Array> {
  if (!(value instanceof Map) || value.size < 1 || value.size > MAX_PCRS)
    throw invalid(`pcrs is no map of 1 to ${MAX_PCRS}`)
  const pcrs = new Map<number, Uint8Array>()
  for (const [index, pcr] of value) {
    const known = typeof index === 'number' && index >= 0 && index < MAX_PCRS
    if (!known) throw invalid(`pcrs has the key ${String(index).slice(0, 32)}`)
    if (!(pcr instanceof Uint8Array) || pcr.length !== 48) throw invalid(`PCR${index} is not 48 bytes`)
    pcrs.set(index, pcr)
  }
  return pcrs
}

function readBundle(value: CborValue | undefined): Uint8Array[] {
  if (!Array.isArray(value) || value.length < 1 || value.length > MAX_BUNDLE)
    throw invalid(`cabundle is no array of 1 to ${MAX_BUNDLE}`)
  return value.map(readCertificate)
}

function readCertificate(value: CborValue | undefined): Uint8Array {
  if (value instanceof Uint8Array && value.length >= 1 && value.length <= MAX_CERTIFICATE) return value
  throw invalid(`a certificate is no byte string of 1 to ${MAX_CERTIFICATE} bytes`)
}

function readOptional(map: CborMap, key: string, min: number, max: number): Uint8Array | null {
  const value = map.get(key)
  if (value === null || value === undefined) return null
  if (value instanceof Uint8Array && value.length >= min && value.length <= max) return value
  throw invalid(`${key} is no byte string of ${min} to ${max} bytes`)
}

function invalid(reason: string): NacreError {
  return new NacreError('invalid-evidence', `not a Nitro attestation document: ${reason}`)
}
