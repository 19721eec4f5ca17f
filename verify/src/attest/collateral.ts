import { concat, toHex, utf8 } from '../bytes.ts'
import type { CryptoProvider } from '../crypto.ts'

/** What vendors publish beside evidence, by file name as it lies on a disk or came from a service. */
export type CollateralFiles = ReadonlyMap<string, Uint8Array>

/**
 * SHA-256 over named pieces of collateral, so that a verdict says exactly what it rests on: of each in the order of
 * names, length and bytes of the name, then of the piece; lengths as 4 bytes, big-endian. Lower-case hex.
 */
export function digestCollateral(
  pieces: Record<string, Uint8Array>,
  { sha256 }: Pick<CryptoProvider, 'sha256'>,
): string {
  const sorted = Object.entries(pieces).sort(([a], [b]) => (a < b ? -1 : 1))
  const parts = sorted.flatMap(([name, piece]) => [withLength(utf8(name)), withLength(piece)])
  return toHex(sha256(concat(...parts))).slice(2)
}

function withLength(bytes: Uint8Array): Uint8Array {
  const length = new Uint8Array(4)
  new DataView(length.buffer).setUint32(0, bytes.length)
  return concat(length, bytes)
}
