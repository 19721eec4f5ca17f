/** Points of BN254 as the files of snarkjs and of this repository have them (EIP-196, EIP-197). */
import { bn254 } from '@noble/curves/bn254.js'
import { fieldBytes } from './field.ts'

/** Affine, never at infinity. */
export type G1 = { x: bigint; y: bigint }
/** Coordinates are c0 + c1 · u with u² = -1. */
export type G2 = { x: { c0: bigint; c1: bigint }; y: { c0: bigint; c1: bigint } }

/** The modulus of coordinates. */
export const COORDINATE_MODULUS: bigint = bn254.fields.Fp.ORDER

export const G1_GENERATOR: G1 = affineG1(bn254.G1.Point.BASE)
export const G2_GENERATOR: G2 = affineG2(bn254.G2.Point.BASE)

export const G1_BYTES = 64
export const G2_BYTES = 128

/** Big-endian, as the EVM's precompiles take them. */
export function g1Bytes({ x, y }: G1): Uint8Array {
  return joined([x, y])
}

/** Big-endian, imaginary parts first (EIP-197). */
export function g2Bytes({ x, y }: G2): Uint8Array {
  return joined([x.c1, x.c0, y.c1, y.c0])
}

/** What g1Bytes made; whether it is a point says `isG1`. */
export function readG1(bytes: Uint8Array): G1 {
  const [x, y] = numbersOf(bytes)
  return { x: x!, y: y! }
}

/** What g2Bytes made; whether it is a point says `isG2`. */
export function readG2(bytes: Uint8Array): G2 {
  const [x1, x0, y1, y0] = numbersOf(bytes)
  return { x: { c0: x0!, c1: x1! }, y: { c0: y0!, c1: y1! } }
}

/** Whether coordinates are canonical and on the curve, and the point is not at infinity. */
export function isG1(point: G1): boolean {
  return isPoint(() => {
    checkCoordinates([point.x, point.y])
    bn254.G1.Point.fromAffine(point).assertValidity()
  })
}

/** The same, and that it is in the group of prime order. */
export function isG2(point: G2): boolean {
  return isPoint(() => {
    checkCoordinates([point.x.c0, point.x.c1, point.y.c0, point.y.c1])
    bn254.G2.Point.fromAffine(point).assertValidity()
  })
}

export function sameG2(a: G2, b: G2): boolean {
  return a.x.c0 === b.x.c0 && a.x.c1 === b.x.c1 && a.y.c0 === b.y.c0 && a.y.c1 === b.y.c1
}

function affineG1(point: { toAffine: () => G1 }): G1 {
  const { x, y } = point.toAffine()
  return { x, y }
}

function affineG2(point: { toAffine: () => G2 }): G2 {
  const { x, y } = point.toAffine()
  return { x: { c0: x.c0, c1: x.c1 }, y: { c0: y.c0, c1: y.c1 } }
}

function isPoint(check: () => void): boolean {
  try {
    check()
    return true
  } catch {
    return false
  }
}

function checkCoordinates(values: readonly bigint[]): void {
  if (values.some(value => value >= COORDINATE_MODULUS)) throw new RangeError('not canonical')
  // noble takes zeros for infinity.
  if (values.every(value => value === 0n)) throw new RangeError('at infinity')
}

function joined(values: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(32 * values.length)
  for (const [i, value] of values.entries()) bytes.set(fieldBytes(value), 32 * i)
  return bytes
}

function numbersOf(bytes: Uint8Array): bigint[] {
  return Array.from({ length: bytes.length / 32 }, (_, i) => numberOf(bytes.subarray(32 * i, 32 * i + 32)))
}

/** Big-endian. */
export function numberOf(bytes: Uint8Array): bigint {
  let value = 0n
  for (const byte of bytes) value = (value << 8n) | BigInt(byte)
  return value
}
