/** Powers of tau, the first phase of a ceremony: `.ptau` version 1 of snarkjs (docs/zk-groth16.md, section 6). */
import { type Contribution, readContributions } from './contributions.ts'
import { COORDINATE_MODULUS, G1_BYTES, G2_BYTES } from './points.ts'
import {
  type ByteSource,
  checkSection,
  FIELD_BYTES,
  invalid,
  numberAt,
  sectionsOf,
  viewOf,
} from './sections.ts'

export type PowersOfTau = {
  /** Circuits of fewer than 2^power constraints and signals fit. */
  power: number
  /** Of the ceremony that they were cut from. */
  ceremonyPower: number
  /** Whether `snarkjs powersoftau prepare phase2` was run. */
  isPrepared: boolean
  contributions: Contribution[]
}

const MAGIC = 'ptau'
/** As large as the field allows a circuit to be. */
const MAX_POWER = 28
const HEADER_BYTES = 4 + FIELD_BYTES + 2 * 4
const HASH_BYTES = 64
/** tau, alpha, beta on both groups; the public key; the hash's state; the next challenge. */
const CONTRIBUTION_BYTES = 3 * G1_BYTES + 2 * G2_BYTES + 6 * G1_BYTES + 3 * G2_BYTES + 216 + HASH_BYTES

/**
 * What a file says of itself, and that its sections have the sizes that follow. Whether its points are powers of
 * anything is not known.
 * @throws NacreError zk-invalid-setup, zk-unsupported-version
 */
export function readPtau(source: ByteSource): PowersOfTau {
  const sections = sectionsOf(source, MAGIC, 1)
  const header = viewOf(source, checkSection(sections, MAGIC, 1, HEADER_BYTES).at, HEADER_BYTES, MAGIC)
  if (header.getUint32(0, true) !== FIELD_BYTES || numberAt(header, 4) !== COORDINATE_MODULUS)
    throw invalid(MAGIC, 'it is not of the curve BN254')
  const [power, ceremonyPower] = [36, 40].map(at => header.getUint32(at, true)) as [number, number]
  if (power < 1 || power > ceremonyPower || ceremonyPower > MAX_POWER)
    throw invalid(MAGIC, `2^${power} of a ceremony of 2^${ceremonyPower}`)
  const points = 2 ** power
  for (const [id, size] of [
    [2, (2 * points - 1) * G1_BYTES],
    [3, points * G2_BYTES],
    [4, points * G1_BYTES],
    [5, points * G1_BYTES],
    [6, G2_BYTES],
  ] as const)
    checkSection(sections, MAGIC, id, size)
  const isPrepared = sections.has(12)
  if (isPrepared)
    for (const [id, size] of [
      [12, (4 * points - 1) * G1_BYTES],
      [13, (2 * points - 1) * G2_BYTES],
      [14, (2 * points - 1) * G1_BYTES],
      [15, (2 * points - 1) * G1_BYTES],
    ] as const)
      checkSection(sections, MAGIC, id, size)
  const layout = { magic: MAGIC, head: 0, fixed: CONTRIBUTION_BYTES } as const
  const contributions = readContributions(source, checkSection(sections, MAGIC, 7), layout)
  return { power, ceremonyPower, isPrepared, contributions }
}
