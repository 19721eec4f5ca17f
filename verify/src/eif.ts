import { fromUtf8, utf8 } from './bytes.ts'
import { invalidEif } from './eif/error.ts'
import { defaultHashes, type ImageHashes } from './eif/hashes.ts'
import { type EifMetadata, parseMetadata } from './eif/metadata.ts'
import { AT, HEADER, type Header, readSections, type Section, type SectionName } from './eif/sections.ts'
import { type EifSignature, parseSignature } from './eif/signature.ts'
import type { Measurement } from './measurement.ts'

/**
 * An enclave image file of AWS Nitro Enclaves (aws-nitro-enclaves-image-format, README): a kernel, its command line
 * and ramdisks, which the kernel unpacks one over the other. Byte arrays are views of the file.
 */
export type Eif = Omit<Header, 'crc32'> & {
  kernel: Uint8Array
  cmdline: string
  /** At least one; the first is the platform, the others are the application. */
  ramdisks: Uint8Array[]
  /** Since version 4, where it must be there; about the build, and not measured. */
  metadata?: EifMetadata
  signature?: EifSignature
}

/** What the hardware measures of an image, 48 bytes each; PCR 8 is the certificate that signed it. */
export type EifMeasurement = { pcr0: Uint8Array; pcr1: Uint8Array; pcr2: Uint8Array; pcr8?: Uint8Array }

export type EifOptions = { hashes?: Partial<ImageHashes> }

/** What Linux takes of a command line on any architecture, bytes. */
export const MAX_CMDLINE = 4096

/**
 * Takes a file apart. Every rule of the format holds, its CRC-32 too, and the order in which encoders write: kernel,
 * command line, ramdisks. The signature is not checked: see verifyEifSignature.
 * @throws NacreError too-large, unsupported-version, invalid-eif; of the metadata invalid-text, invalid-json, wrong-type,
 * missing-field; of the signature invalid-cbor, invalid-certificate
 */
export function parseEif(bytes: Uint8Array, { hashes }: EifOptions = {}): Eif {
  const { header, sections } = readSections(bytes)
  const { crc32 } = { ...defaultHashes, ...hashes }
  const crc = crc32(bytes.subarray(HEADER), crc32(bytes.subarray(0, AT.crc32), 0))
  if (crc !== header.crc32) throw invalidEif('its CRC-32 is another')
  const { version, flags, memory, cpus } = header
  const { kernel, cmdline, ramdisks } = bootedOf(sections)
  const metadata = metadataOf(sections, version)
  const signature = signatureOf(sections, version)
  return {
    ...{ version, flags, memory, cpus },
    kernel,
    cmdline: cmdlineOf(cmdline),
    ramdisks,
    ...(metadata && { metadata }),
    ...(signature && { signature }),
  }
}

/** What Nitro measures of an image that it boots without debug mode. */
export function measureEif(
  { kernel, cmdline, ramdisks, signature }: Eif,
  { hashes }: EifOptions = {},
): EifMeasurement {
  const { sha384 } = { ...defaultHashes, ...hashes }
  const pcrOf = (...parts: Uint8Array[]): Uint8Array => sha384([new Uint8Array(48), sha384(parts)])
  const booted = [kernel, utf8(cmdline)]
  const [platform, ...application] = ramdisks as [Uint8Array, ...Uint8Array[]]
  return {
    pcr0: pcrOf(...booted, ...ramdisks),
    pcr1: pcrOf(...booted, platform),
    pcr2: pcrOf(...application),
    ...(signature && { pcr8: pcrOf(signature.certificate) }),
  }
}

/** As a release names it: PCR 0, 1 and 2. */
export function measurementOfEif({ pcr0, pcr1, pcr2 }: EifMeasurement): Measurement {
  return { kind: 'nitro', registers: [pcr0, pcr1, pcr2] }
}

/** What is measured, in the order in which it must come. */
function bootedOf(sections: readonly Section[]): Pick<Eif, 'kernel' | 'ramdisks'> & { cmdline: Uint8Array } {
  const [kernel, cmdline, ...ramdisks] = sections.filter(
    ({ name }) => name !== 'metadata' && name !== 'signature',
  )
  if (
    kernel?.name !== 'kernel' ||
    cmdline?.name !== 'cmdline' ||
    ramdisks.some(({ name }) => name !== 'ramdisk')
  )
    throw invalidEif('it is not one kernel, one command line, then ramdisks')
  if (ramdisks.length === 0) throw invalidEif('it has no ramdisk')
  return { kernel: kernel.data, cmdline: cmdline.data, ramdisks: ramdisks.map(({ data }) => data) }
}

function cmdlineOf(data: Uint8Array): string {
  if (data.length > MAX_CMDLINE) throw invalidEif(`the command line is longer than ${MAX_CMDLINE} bytes`)
  // What comes after a zero byte is measured, and the kernel does not see it.
  if (data.includes(0)) throw invalidEif('the command line has a zero byte')
  return fromUtf8(data)
}

function metadataOf(sections: readonly Section[], version: number): EifMetadata | undefined {
  const [data, ...more] = dataOf(sections, 'metadata')
  if ((data !== undefined) !== (version === 4) || more.length > 0)
    throw invalidEif('metadata is there once in version 4, and not before')
  return data && parseMetadata(data)
}

function signatureOf(sections: readonly Section[], version: number): EifSignature | undefined {
  const [data, ...more] = dataOf(sections, 'signature')
  if (data !== undefined && (version === 2 || more.length > 0))
    throw invalidEif('a signature is there at most once, and not in version 2')
  return data && parseSignature(data)
}

function dataOf(sections: readonly Section[], wanted: SectionName): Uint8Array[] {
  return sections.filter(({ name }) => name === wanted).map(({ data }) => data)
}
