import type { CollateralFiles } from './collateral.ts'
import { SNP_REPORT_SIZE } from './snpReport.ts'

/** Name of the host's certificate table among collateral, as Linux calls it. */
export const SNP_TABLE = 'auxblob'

/**
 * Evidence of kind `snp` as it travels: the report, and behind it the certificate table that the host gave with it, if
 * it gave one. The table is collateral: nothing in it counts but by the signatures of its certificates.
 */
export function splitSnpEvidence(bytes: Uint8Array): { report: Uint8Array; collateral: CollateralFiles } {
  const [report, table] = [bytes.subarray(0, SNP_REPORT_SIZE), bytes.subarray(SNP_REPORT_SIZE)]
  return { report, collateral: new Map(table.length > 0 ? [[SNP_TABLE, table]] : []) }
}
