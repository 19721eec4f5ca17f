import {
  type CborValue,
  concat,
  crc32,
  ES384,
  encodeCbor,
  encodeSign1,
  measureEif,
  parseEif,
  sign1Message,
  signedPayload,
  utf8,
} from '@nacre/verify'
import { pemOf } from './dcap.ts'
import { createSigner, issueX509, type Signer, signRaw } from './x509.ts'

export type MockSection = { type: number; data: Uint8Array; flags?: number; headerSize?: number }

/** An enclave image file to encode; everything can be broken. */
export type EifFields = {
  version: number
  flags: number
  memory: bigint
  cpus: bigint
  sections: MockSection[]
  /** Changes the header before its CRC-32 is computed. */
  changeHeader?: (view: DataView) => void
  /** Added to the CRC-32. */
  crcError?: number
}

const BUILD = {
  BuildTime: '1970-01-01T00:00:00Z',
  BuildTool: 'mock',
  BuildToolVersion: '1',
  OperatingSystem: 'none',
  KernelVersion: '0',
}
export const MOCK_METADATA = {
  ImageName: 'mock',
  ImageVersion: '1',
  BuildMetadata: BUILD,
  DockerInfo: {},
  CustomMetadata: {},
}

export const section = (type: number, data: Uint8Array | string): MockSection => ({
  type,
  data: typeof data === 'string' ? utf8(data) : data,
})

/** The sections that every image has: kernel, command line, metadata, two ramdisks or those given. */
export function mockSections(
  ramdisks: Uint8Array[] = [utf8('platform'), utf8('application')],
): MockSection[] {
  return [
    section(1, 'kernel'),
    section(2, 'console=ttyS0'),
    section(5, JSON.stringify(MOCK_METADATA)),
    ...ramdisks.map(data => section(3, data)),
  ]
}

export function encodeEif(fields: Partial<EifFields> = {}): Uint8Array {
  const { version = 4, flags = 0, memory = 536_870_912n, cpus = 1n, sections = mockSections() } = fields
  const header = new Uint8Array(548)
  const view = new DataView(header.buffer)
  header.set(utf8('.eif'))
  view.setUint16(4, version)
  view.setUint16(6, flags)
  view.setBigUint64(8, memory)
  view.setBigUint64(16, cpus)
  view.setUint16(26, sections.length)
  let offset = 548
  for (const [i, { data }] of sections.slice(0, 32).entries()) {
    view.setBigUint64(28 + 8 * i, BigInt(offset))
    view.setBigUint64(284 + 8 * i, BigInt(data.length))
    offset += 12 + data.length
  }
  fields.changeHeader?.(view)
  const body = concat(...sections.flatMap(encodeSection))
  view.setUint32(544, crc32(body, crc32(header.subarray(0, 544))) + (fields.crcError ?? 0))
  return concat(header, body)
}

function encodeSection({ type, data, flags = 0, headerSize = data.length }: MockSection): Uint8Array[] {
  const header = new Uint8Array(12)
  const view = new DataView(header.buffer)
  view.setUint16(0, type)
  view.setUint16(2, flags)
  view.setBigUint64(4, BigInt(headerSize))
  return [header, data]
}

/** Who signs an image: a key, and a certificate of its own. */
export type EifSigner = { signer: Signer; certificate: Uint8Array }

export function createEifSigner(seed: string, curve: Signer['curve'] = 'p384'): EifSigner {
  const signer = createSigner(curve, seed)
  const names = { issuer: 'publisher', subject: 'publisher' }
  const times = { notBefore: 1_700_000_000n, notAfter: 1_900_000_000n }
  const certificate = issueX509(
    { serial: 1, ...names, ...times, authority: false, keyUsage: 0x80 },
    signer,
    signer,
  )
  return { signer, certificate }
}

export type SignatureFields = {
  payload: Uint8Array
  changeSignature: (signature: Uint8Array) => Uint8Array
}

/** The section of an image's signature, or one that does not fit it. */
export function signEif(
  sections: MockSection[],
  { signer, certificate }: EifSigner,
  changes: Partial<SignatureFields> = {},
): MockSection {
  const { pcr0 } = measureEif(parseEif(encodeEif({ sections })))
  const { payload = signedPayload(pcr0), changeSignature = same } = changes
  const signature = changeSignature(signRaw(sign1Message(payload, ES384), signer))
  return signatureSection(pemOf([certificate]), encodeSign1({ payload, signature }, ES384))
}

export function signatureSection(pem: Uint8Array, document: Uint8Array): MockSection {
  const entry = new Map<string, CborValue>([
    ['signing_certificate', [...pem]],
    ['signature', [...document]],
  ])
  return section(4, encodeCbor([entry]))
}

const same = <T>(value: T): T => value
