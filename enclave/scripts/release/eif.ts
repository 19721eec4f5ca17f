import { crc32 } from 'node:zlib'

/** What an EIF is made of; `signature` is the CBOR of its section. */
export type EifParts = {
  kernel: Uint8Array
  cmdline: string
  ramdisks: Uint8Array[]
  metadata: unknown
  signature?: Uint8Array
}

const VERSION = 4
const HEADER = 548
const SECTION_HEADER = 12
const OFFSETS = 28
const SIZES = 284
const CHECKSUM = 544
/** What nitro-cli takes when the command line names none. */
const DEFAULT_MEMORY = 1024n * 1024n * 1024n
const DEFAULT_CPUS = 2n
const TYPE = { kernel: 1, cmdline: 2, ramdisk: 3, signature: 4, metadata: 5 } as const

/** An enclave image file, version 4 (AWS, aws-nitro-enclaves-image-format): the same parts are the same bytes. */
export function encodeEif({ kernel, cmdline, ramdisks, metadata, signature }: EifParts): Uint8Array {
  const sections: [number, Uint8Array][] = [
    [TYPE.kernel, kernel],
    [TYPE.cmdline, Buffer.from(cmdline)],
    [TYPE.metadata, Buffer.from(JSON.stringify(metadata))],
    ...ramdisks.map((ramdisk): [number, Uint8Array] => [TYPE.ramdisk, ramdisk]),
    ...(signature ? [[TYPE.signature, signature] as [number, Uint8Array]] : []),
  ]
  const header = Buffer.alloc(HEADER)
  header.write('.eif', 0, 'latin1')
  header.writeUInt16BE(VERSION, 4)
  header.writeBigUInt64BE(DEFAULT_MEMORY, 8)
  header.writeBigUInt64BE(DEFAULT_CPUS, 16)
  header.writeUInt16BE(sections.length, 26)
  const parts: Uint8Array[] = [header]
  let offset = HEADER
  for (const [index, [type, data]] of sections.entries()) {
    const head = Buffer.alloc(SECTION_HEADER)
    head.writeUInt16BE(type, 0)
    head.writeBigUInt64BE(BigInt(data.length), 4)
    header.writeBigUInt64BE(BigInt(offset), OFFSETS + 8 * index)
    header.writeBigUInt64BE(BigInt(data.length), SIZES + 8 * index)
    parts.push(head, data)
    offset += SECTION_HEADER + data.length
  }
  const [, ...rest] = parts
  const sum = rest.reduce((crc, part) => crc32(part, crc), crc32(header.subarray(0, CHECKSUM)))
  header.writeUInt32BE(sum, CHECKSUM)
  return Buffer.concat(parts)
}
