import { type Hex, toHex } from '../bytes.ts'
import { NacreError } from '../errors.ts'
import type { X509 } from './certificate.ts'
import { type Der, readAll, readOne, readUnsigned, TAG } from './der.ts'
import { oid } from './oid.ts'

/** The certificate of a machine's provisioning certification key (PCK), its issuer's, and the root. */
export type PckChain = { leaf: X509; issuer: X509; root: X509 }

/**
 * What the provisioning certification key's certificate says of the machine (Intel "SGX PCK Certificate and CRL
 * Profile Specification"); ids are hex without a prefix.
 */
export type Platform = {
  ppid: string
  fmspc: string
  pceId: string
  /** Security versions of the 16 components of CPUSVN. */
  sgxSvns: number[]
  pceSvn: number
}

/** The fields are below it. */
export const SGX_EXTENSION: Hex = oid('1.2.840.113741.1.13.1')

const PPID = 1
const TCB = 2
const PCE_ID = 3
const FMSPC = 4
const COMPONENTS = 16
const PCE_SVN = 17

/** Parses the extension's value. @throws NacreError invalid-certificate (not strict DER, a field that is missing or malformed) */
export function parsePlatform(value: Uint8Array): Platform {
  const fields = readFields(readOne(value, TAG.sequence), SGX_EXTENSION)
  const tcb = readFields(content(fields, TCB, TAG.sequence), `${SGX_EXTENSION}02`)
  return {
    ppid: readId(fields, PPID, 16),
    fmspc: readId(fields, FMSPC, 6),
    pceId: readId(fields, PCE_ID, 2),
    sgxSvns: Array.from({ length: COMPONENTS }, (_, i) => readNumber(tcb, i + 1, 1)),
    pceSvn: readNumber(tcb, PCE_SVN, 2),
  }
}

/** A SEQUENCE of SEQUENCE {id, value}, by the last number of its id, each at most once. */
function readFields(bytes: Uint8Array, prefix: Hex): Map<number, Der> {
  const fields = new Map<number, Der>()
  for (const element of readAll(bytes)) {
    const [id, value, ...rest] = element.tag === TAG.sequence ? readAll(element.content) : []
    if (id?.tag !== TAG.oid || !value || rest.length > 0) throw invalid('a field is no pair of id and value')
    const number = id.content.at(-1) as number
    if (toHex(id.content.subarray(0, -1)) !== prefix) throw invalid(`field ${toHex(id.content)} is unknown`)
    if (fields.has(number)) throw invalid(`field ${number} occurs twice`)
    fields.set(number, value)
  }
  return fields
}

function readId(fields: Map<number, Der>, field: number, size: number): string {
  const bytes = content(fields, field, TAG.octetString)
  if (bytes.length !== size) throw invalid(`field ${field} has ${bytes.length} bytes, not ${size}`)
  return toHex(bytes).slice(2)
}

function readNumber(fields: Map<number, Der>, field: number, size: number): number {
  return readUnsigned(content(fields, field, TAG.integer), size).reduce(
    (number, byte) => number * 256 + byte,
    0,
  )
}

function content(fields: Map<number, Der>, field: number, tag: number): Uint8Array {
  const found = fields.get(field)
  if (found?.tag === tag) return found.content
  throw invalid(`field ${field} is missing, or of another type`)
}

function invalid(reason: string): NacreError {
  return new NacreError('invalid-certificate', `the SGX extension of a PCK certificate: ${reason}`)
}
