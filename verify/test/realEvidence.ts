import { decodeBase64 } from '@nacre/verify/attest/certificate'
import { inject } from 'vitest'
import type { EvidenceFile } from '../../test/evidence.ts'

export type RealFile = Omit<EvidenceFile, 'base64'> & { bytes: Uint8Array }

/** Real evidence of a kind, in Node and in browsers; empty when its folder is absent (NACRE_VECTORS). */
export function realEvidence(tee: string): RealFile[] {
  return inject('evidence')
    .filter(file => file.tee === tee)
    .map(({ base64, ...file }) => ({ ...file, bytes: decodeBase64(base64) }))
}

/** What a test says of how much it saw. */
export function told(files: RealFile[]): string {
  return files.length > 0 ? `${files.length} real files` : 'NOTHING CHECKED: set NACRE_VECTORS'
}

/** ISO 8601 in seconds since 1970. */
export function secondsOf(isoTime: string): bigint {
  return BigInt(Math.floor(Date.parse(isoTime) / 1000))
}
