import { mod } from './curve.ts'

/** The bytes of docs/p384-soundness.md, section 5, read and written apart from the sdk's own maker of hints. */
export type Statement = { e: bigint; r: bigint; s: bigint; qx: bigint; qy: bigint }
export type Operation = { doublings: number; subtract: boolean; table: number; index: number }
export type Hint = {
  flags: number
  y: bigint
  operations: Operation[]
  slopes: bigint[]
  k1: bigint
  k2: bigint
  nonce: bigint
  k: bigint
  /** Length of K, bytes. */
  kBytes: number
}

/** Slopes of a hint without operations: two tables of eight, 193 doublings. */
export const FIXED_SLOPES = 209
const TAIL = 32 + 64 + 8

export function bytesOf(value: bigint, length: number): Uint8Array {
  const hex = mod(value, 1n << BigInt(8 * length))
    .toString(16)
    .padStart(2 * length, '0')
  return Buffer.from(hex, 'hex')
}

export function numberOf(bytes: Uint8Array): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${Buffer.from(bytes).toString('hex')}`)
}

export const join = (...parts: Uint8Array[]): Uint8Array => Buffer.concat(parts)

export function encodeStatement({ e, r, s, qx, qy }: Statement): Uint8Array {
  return join(...[e, r, s, qx, qy].map(value => bytesOf(value, 48)))
}

export function decodeStatement(bytes: Uint8Array): Statement {
  const [e = 0n, r = 0n, s = 0n, qx = 0n, qy = 0n] = [0, 1, 2, 3, 4].map(i =>
    numberOf(bytes.subarray(48 * i, 48 * i + 48)),
  )
  return { e, r, s, qx, qy }
}

export function encodeOperation({ doublings, subtract, table, index }: Operation): number {
  return (doublings << 12) | (subtract ? 0x800 : 0) | (table << 9) | index
}

export function decodeOperation(bits: number): Operation {
  return {
    doublings: bits >> 12,
    subtract: (bits & 0x800) !== 0,
    table: (bits >> 9) & 3,
    index: bits & 0x1ff,
  }
}

export const encodeSchedule = (operations: Operation[]): Uint8Array =>
  join(...operations.map(operation => bytesOf(BigInt(encodeOperation(operation)), 2)))

export const encodeSlopes = (slopes: bigint[]): Uint8Array => join(...slopes.map(slope => bytesOf(slope, 48)))

export function encodeHint(hint: Hint): Uint8Array {
  return join(
    Uint8Array.of(hint.flags, hint.operations.length),
    bytesOf(hint.y, 48),
    encodeSchedule(hint.operations),
    encodeSlopes(hint.slopes),
    bytesOf(hint.k1, 32),
    bytesOf(hint.k2, 64),
    bytesOf(hint.nonce, 8),
    bytesOf(hint.k, hint.kBytes),
  )
}

/** undefined where the length is none that a hint can have. */
export function decodeHint(bytes: Uint8Array): Hint | undefined {
  const [flags = 0, count = 0] = bytes
  const slopesAt = 50 + 2 * count
  const tailAt = slopesAt + 48 * (FIXED_SLOPES + count)
  const kBytes = bytes.length - tailAt - TAIL
  if (bytes.length < 50 || kBytes < 32 || kBytes > 512 || kBytes % 32 !== 0) return undefined
  const at = (offset: number, length: number) => numberOf(bytes.subarray(offset, offset + length))
  return {
    flags,
    y: at(2, 48),
    operations: Array.from({ length: count }, (_, i) => decodeOperation(Number(at(50 + 2 * i, 2)))),
    slopes: Array.from({ length: FIXED_SLOPES + count }, (_, i) => at(slopesAt + 48 * i, 48)),
    k1: BigInt.asIntN(256, at(tailAt, 32)),
    k2: BigInt.asIntN(512, at(tailAt + 32, 64)),
    nonce: at(tailAt + 96, 8),
    k: BigInt.asIntN(8 * kBytes, at(tailAt + TAIL, kBytes)),
    kBytes,
  }
}
