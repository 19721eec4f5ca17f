import { equalBytes } from '../bytes.ts'
import { NacreError } from '../errors.ts'
import type { X509 } from './certificate.ts'
import { readCertificateFiles } from './certificateFiles.ts'
import { type CertificatePath, findPath } from './certificatePath.ts'
import { demand } from './codes.ts'
import type { CollateralFiles } from './collateral.ts'
import type { EvidenceCrypto } from './crypto.ts'
import { createReader } from './reader.ts'
import { lineOfName } from './snpProduct.ts'
import { isZero, type SnpReport } from './snpReport.ts'
import { kindOf, readVek } from './vek.ts'

type Context = { time: bigint; crypto: EvidenceCrypto }

/** Entries of a certificate table: hosts have three to six. */
const MAX_TABLE = 16
const MAX_TABLE_BYTES = 65_536

/**
 * The certificates that go with a report, from files in DER or PEM, or from the table that a host gives with an
 * extended report: of several endorsement keys that of the report's kind, chip and TCB. What fits least is found all
 * the same, so that the checks can say what is wrong with it.
 * Fails with missing-collateral, bad-collateral.
 */
export function findSnpPath(report: SnpReport, files: CollateralFiles, context: Context): CertificatePath {
  const { time, crypto } = context
  const found = readCertificateFiles(expandTables(files))
  const named = found.certificates.filter(certificate => kindOf(certificate) !== undefined)
  const ofKind = named.filter(certificate => kindOf(certificate) === report.signingKey)
  const fitting = ofKind.length > 1 ? ofKind.filter(certificate => fits(report, certificate)) : ofKind
  // Keys of several clouds may be of one TCB: only the signature tells them apart. AMD issues certificates anew.
  const signers =
    fitting.length > 1 ? fitting.filter(certificate => signs(report, certificate, crypto)) : fitting
  const valid = signers.find(({ notBefore, notAfter }) => notBefore <= time && time <= notAfter)
  const leaf = valid ?? signers[0] ?? fitting[0] ?? ofKind[0] ?? named[0]
  demand(
    leaf !== undefined,
    'missing-collateral',
    `there is no certificate of a ${report.signingKey.toUpperCase()}`,
  )
  return findPath(leaf, found, context)
}

/** Whether a report is signed by a certificate's key. */
export function signs({ signed, signature }: SnpReport, { key }: X509, crypto: EvidenceCrypto): boolean {
  return key.type === 'p384' && crypto.verifyEs384(signed, signature, key.point)
}

/** Only to choose among certificates: the checks that count follow. */
function fits({ chipId, tcb }: SnpReport, certificate: X509): boolean {
  try {
    const vek = readVek(certificate)
    const ofChip = vek.chipId === undefined || isZero(chipId) || equalBytes(vek.chipId, chipId)
    const line = lineOfName(vek.productName)
    return ofChip && line !== undefined && equalBytes(vek.tcb(line), tcb.reported)
  } catch (error) {
    if (error instanceof NacreError) return false
    throw error
  }
}

function expandTables(files: CollateralFiles): CollateralFiles {
  return new Map(
    [...files].flatMap(([name, bytes]) => {
      const entries = readTable(bytes).map((entry, i) => [`${name} ${i}`, entry] as const)
      return entries.length > 0 ? entries : [[name, bytes] as const]
    }),
  )
}

/**
 * The entries of a certificate table (AMD, Guest Hypervisor Communication Block, 56421, "SNP Extended Guest
 * Request"): GUID, offset and length of each, and one of zeros to end it. Empty for anything else. Who a certificate
 * is of, its own name says, not the GUID, which the host chooses.
 */
function readTable(bytes: Uint8Array): Uint8Array[] {
  const entries: Uint8Array[] = []
  if (bytes.length > MAX_TABLE_BYTES) return []
  const reader = createReader(bytes)
  while (reader.rest().length >= 24 && entries.length < MAX_TABLE) {
    const guid = reader.take(16, 'a GUID')
    const [offset, length] = [reader.u32('an offset'), reader.u32('a length')]
    if (isZero(guid)) return offset === 0 && length === 0 ? entries : []
    if (length === 0 || offset + length > bytes.length) return []
    entries.push(bytes.subarray(offset, offset + length))
  }
  return []
}
