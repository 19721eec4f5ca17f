import { concat } from '@nacre/verify'

/** An SGX enclave's report; what is not given is zero. */
export type EnclaveFields = {
  cpuSvn: Uint8Array
  miscSelect: Uint8Array
  attributes: Uint8Array
  mrEnclave: Uint8Array
  mrSigner: Uint8Array
  isvProdId: number
  isvSvn: number
  reportData: Uint8Array
}

export function encodeEnclaveReport(fields: Partial<EnclaveFields>): Uint8Array {
  const { isvProdId = 0, isvSvn = 0 } = fields
  return concat(
    padded(fields.cpuSvn, 16),
    padded(fields.miscSelect, 4),
    new Uint8Array(28),
    padded(fields.attributes, 16),
    padded(fields.mrEnclave, 32),
    new Uint8Array(32),
    padded(fields.mrSigner, 32),
    new Uint8Array(96),
    u16(isvProdId),
    u16(isvSvn),
    new Uint8Array(60),
    padded(fields.reportData, 64),
  )
}

/** A TD's report of TDX 1.5, of which 1.0 leaves out the last two; what is not given is zero. */
export type TdFields = {
  teeTcbSvn: Uint8Array
  mrSeam: Uint8Array
  mrSignerSeam: Uint8Array
  seamAttributes: Uint8Array
  tdAttributes: Uint8Array
  xfam: Uint8Array
  mrTd: Uint8Array
  mrConfigId: Uint8Array
  rtmr: Uint8Array[]
  reportData: Uint8Array
  teeTcbSvn2: Uint8Array
  mrServiceTd: Uint8Array
}

export function encodeTdReport(fields: Partial<TdFields>, is15: boolean): Uint8Array {
  const { rtmr = [] } = fields
  const first = concat(
    padded(fields.teeTcbSvn, 16),
    padded(fields.mrSeam, 48),
    padded(fields.mrSignerSeam, 48),
    padded(fields.seamAttributes, 8),
    padded(fields.tdAttributes, 8),
    padded(fields.xfam, 8),
    padded(fields.mrTd, 48),
    padded(fields.mrConfigId, 48),
    new Uint8Array(2 * 48),
    ...[0, 1, 2, 3].map(i => padded(rtmr[i], 48)),
    padded(fields.reportData, 64),
  )
  return is15 ? concat(first, padded(fields.teeTcbSvn2, 16), padded(fields.mrServiceTd, 48)) : first
}

/** A quote's header (48 bytes). */
export type HeaderFields = { version: number; keyType: number; teeType: number; vendor: Uint8Array }

export function encodeHeader({ version, keyType, teeType, vendor }: HeaderFields): Uint8Array {
  return concat(u16(version), u16(keyType), u32(teeType), new Uint8Array(4), vendor, new Uint8Array(20))
}

/** Certification data, or anything else of a type and a length. */
export function encodeCertification(type: number, data: Uint8Array): Uint8Array {
  return concat(u16(type), u32(data.length), data)
}

export const u16 = (number: number): Uint8Array => Uint8Array.of(number & 0xff, number >> 8)
export const u32 = (number: number): Uint8Array => concat(u16(number & 0xffff), u16(number >>> 16))

function padded(bytes: Uint8Array = new Uint8Array(0), size: number): Uint8Array {
  const all = new Uint8Array(size)
  all.set(bytes)
  return all
}
