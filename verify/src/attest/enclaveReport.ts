import { toHex } from '../bytes.ts'
import { createReader } from './reader.ts'

/** The report of an SGX enclave (Intel SDM, volume 3D, "Report"): of the TEE itself, or of the quoting enclave. */
export type EnclaveReport = {
  cpuSvn: Uint8Array
  miscSelect: Uint8Array
  attributes: Uint8Array
  mrEnclave: Uint8Array
  mrSigner: Uint8Array
  isvProdId: number
  isvSvn: number
  reportData: Uint8Array
}

/** Takes the 384 bytes of a report apart; reserved fields are skipped. */
export function parseEnclaveReport(bytes: Uint8Array): EnclaveReport {
  const reader = createReader(bytes)
  const take = (size: number): Uint8Array => reader.take(size, 'the enclave report')
  const cpuSvn = take(16)
  const miscSelect = take(4)
  take(28)
  const attributes = take(16)
  const mrEnclave = take(32)
  take(32)
  const mrSigner = take(32)
  take(96)
  const isvProdId = reader.u16('ISVPRODID')
  const isvSvn = reader.u16('ISVSVN')
  take(60)
  return { cpuSvn, miscSelect, attributes, mrEnclave, mrSigner, isvProdId, isvSvn, reportData: take(64) }
}

/** ATTRIBUTES.DEBUG: whoever runs the machine may read and write the enclave's memory. */
export function isDebugEnclave({ attributes }: EnclaveReport): boolean {
  return ((attributes[0] as number) & 0x02) !== 0
}

/** What the code in an enclave is known by, hex without a prefix; ISVPRODID is a number of four digits. */
export function enclaveMeasurements(report: EnclaveReport): Record<string, string> {
  return {
    mrenclave: toHex(report.mrEnclave).slice(2),
    mrsigner: toHex(report.mrSigner).slice(2),
    isvprodid: report.isvProdId.toString(16).padStart(4, '0'),
    attributes: toHex(report.attributes).slice(2),
    miscselect: toHex(report.miscSelect).slice(2),
  }
}
