import { NacreError } from '../errors.ts'
import { type CborMap, type CborValue, decodeCbor } from './cbor.ts'

/** The payload of a simulated attestation document: AWS Nitro's keys (docs/protocol.md, Evidence). */
export type AttestationDocument = {
  /** Begins with `simulated-`. */
  moduleId: string
  /** Milliseconds since 1970. */
  timestamp: number
  /** PCR 0 to 15, 48 bytes each. */
  pcrs: Uint8Array[]
  /** Leaf, DER. */
  certificate: Uint8Array
  /** Chain from the root down to the leaf's issuer, DER. */
  cabundle: Uint8Array[]
  /** 32 bytes. */
  userData: Uint8Array
  /** 1 to 64 bytes. */
  nonce: Uint8Array
}

export const PCR_COUNT = 16
const KEYS = 'module_id digest timestamp pcrs certificate cabundle public_key user_data nonce'.split(' ')

/** @throws NacreError too-large, invalid-cbor, invalid-text, invalid-evidence */
export function decodeDocument(payload: Uint8Array): AttestationDocument {
  const map = decodeCbor(payload, { maxDepth: 2 })
  if (!(map instanceof Map) || map.size !== KEYS.length || !KEYS.every(key => map.has(key))) {
    throw invalid(`the payload is no map of exactly ${KEYS.join(', ')}`)
  }
  if (map.get('digest') !== 'SHA384') throw invalid('digest is not SHA384')
  if (map.get('public_key') !== null) throw invalid('public_key is not null')
  return {
    moduleId: readModuleId(map.get('module_id')),
    timestamp: readTimestamp(map.get('timestamp')),
    pcrs: readPcrs(map.get('pcrs')),
    certificate: readBytes(map, 'certificate', 1, 1024),
    cabundle: readBundle(map.get('cabundle')),
    userData: readBytes(map, 'user_data', 32, 32),
    nonce: readBytes(map, 'nonce', 1, 64),
  }
}

/** The payload's value, for the security module that signs it. */
export function documentToCbor(document: AttestationDocument): CborMap {
  return new Map<string, CborValue>([
    ['module_id', document.moduleId],
    ['digest', 'SHA384'],
    ['timestamp', document.timestamp],
    ['pcrs', new Map(document.pcrs.entries())],
    ['certificate', document.certificate],
    ['cabundle', document.cabundle],
    ['public_key', null],
    ['user_data', document.userData],
    ['nonce', document.nonce],
  ])
}

function readModuleId(value: CborValue | undefined): string {
  if (typeof value === 'string' && /^simulated-[\w-]{1,64}$/.test(value)) return value
  throw invalid('module_id does not begin with simulated-')
}

function readTimestamp(value: CborValue | undefined): number {
  if (typeof value === 'number' && value > 0) return value
  throw invalid('timestamp is not a positive integer')
}

function readPcrs(value: CborValue | undefined): Uint8Array[] {
  if (!(value instanceof Map) || value.size !== PCR_COUNT) throw invalid(`pcrs is no map of ${PCR_COUNT}`)
  return Array.from({ length: PCR_COUNT }, (_, index) => {
    const pcr = value.get(index)
    if (pcr instanceof Uint8Array && pcr.length === 48) return pcr
    throw invalid(`PCR${index} is not 48 bytes`)
  })
}

function readBundle(value: CborValue | undefined): Uint8Array[] {
  if (!Array.isArray(value) || value.length !== 1) throw invalid('cabundle is not the root alone')
  return value.map(item => {
    if (item instanceof Uint8Array) return item
    throw invalid('cabundle holds something else than byte strings')
  })
}

function readBytes(map: CborMap, key: string, min: number, max: number): Uint8Array {
  const value = map.get(key)
  if (value instanceof Uint8Array && value.length >= min && value.length <= max) return value
  throw invalid(`${key} is not a byte string of ${min === max ? min : `${min} to ${max}`} bytes`)
}

function invalid(reason: string): NacreError {
  return new NacreError('invalid-evidence', `not a simulated attestation document: ${reason}`)
}
