import { concat, fromHex, type Hex, keccak256, toHex, utf8 } from '@nacre/verify'
import { p384 } from '@noble/curves/nist.js'
import { sdkError } from '../../errors.ts'
import {
  add,
  baseTables,
  DOUBLINGS,
  double,
  doubleOften,
  findOffset,
  invert,
  KEY_MULTIPLES,
  mod,
  N,
  negate,
  oddMultiples,
  P,
  type Point,
} from './curve.ts'
import { findPrime } from './modulus.ts'
import { fold } from './relations.ts'
import { encodeOperation, findScalars, type Operation, type Scalars, schedule } from './schedule.ts'

export const STATEMENT_SIZE = 240
const SIZE = 48
/** Bytes of K that the contract takes. */
const MAX_K = 512
const TAG: Uint8Array = concat(utf8('nacre.p384.slopes'), new Uint8Array(15))

type Statement = { e: bigint; r: bigint; s: bigint; q: Point }

/** Constants of the contract; they take some 0.1 s to make. */
type Constants = { offset: Point; end: Point; bases: [Point[], Point[]] }
let constants: Constants | undefined

/**
 * The hint with which P384.sol accepts a signature: docs/p384-soundness.md. About 17 kB, 0.1 s.
 *
 * @param statement e | r | s | Qx | Qy, 48 bytes each: e the SHA-384 digest, r and s of any size below the order
 * @throws NacreError invalid-signature where the statement is false or malformed
 */
export function proveP384(statement: Uint8Array): Uint8Array {
  const parsed = parseStatement(statement)
  const { point: r, flags } = recover(parsed)
  const scalars = scalarsOf(parsed)
  const operations = schedule(scalars)
  constants ??= makeConstants()
  const slopes = trace(r, parsed.q, operations, constants)

  const header = Uint8Array.of(flags, operations.length)
  const committed = concat(
    header,
    number(r.y, SIZE),
    encodeSchedule(operations),
    ...slopes.map(s => number(s, SIZE)),
  )
  const h1 = keccak256(concat(TAG, statement, committed))
  const lifted = { x: parsed.r + (flags ? N : 0n), y: r.y }
  const e = fold({ ...constants, r: lifted, q: parsed.q, operations, slopes }, coefficientsOf(h1))
  if (e % P !== 0n) throw sdkError('invalid-signature', 'the signature’s equations do not hold')

  const quotients = concat(...quotientsOf(parsed, scalars))
  const { nonce } = findPrime(h1, quotients, encodeK(e / P))
  return concat(committed, quotients, nonce, encodeK(e / P))
}

function parseStatement(bytes: Uint8Array): Statement {
  if (bytes.length !== STATEMENT_SIZE)
    throw sdkError('invalid-signature', `a statement has ${STATEMENT_SIZE} bytes, not ${bytes.length}`)
  const [e, r, s, x, y] = [0, 1, 2, 3, 4].map(i => BigInt(toHex(bytes.subarray(i * SIZE, (i + 1) * SIZE))))
  return { e: e!, r: r!, s: s!, q: { x: x!, y: y! } }
}

/** R = [u1]G + [u2]Q; flags say whether its x is r + n. */
function recover(statement: Statement): { point: Point; flags: number } {
  const { r, s, q } = statement
  if (r < 1n || r >= N || s < 1n || s >= N) throw invalid('r or s is not in 1..n-1')
  const { u1, u2 } = multipliers(statement)
  try {
    const key = p384.Point.fromAffine(q)
    key.assertValidity()
    const sum = key.multiplyUnsafe(u2).add(p384.Point.BASE.multiplyUnsafe(u1))
    const { x, y } = sum.toAffine()
    if (!sum.is0() && mod(x, N) === r) return { point: { x, y }, flags: x === r ? 0 : 1 }
  } catch (error) {
    throw invalid('its key is not a point of the curve', error)
  }
  throw invalid('it does not hold')
}

function invalid(reason: string, cause?: unknown): Error {
  return sdkError('invalid-signature', `no hint exists for this P-384 signature: ${reason}`, { cause })
}

function multipliers({ e, r, s }: Statement): { u1: bigint; u2: bigint } {
  const inverse = invert(s, N)
  return { u1: mod(e * inverse, N), u2: mod(r * inverse, N) }
}

function scalarsOf(statement: Statement): Scalars {
  const { u1, u2 } = multipliers(statement)
  return findScalars(u1, u2)
}

function makeConstants(): Constants {
  const offset = findOffset()
  return { offset, end: doubleOften(offset, DOUBLINGS), bases: baseTables() }
}

/** The slopes in the contract's order. */
function trace(r: Point, q: Point, operations: Operation[], { offset, end, bases }: Constants): bigint[] {
  const tables = [r, q].map(point => oddMultiples(point, KEY_MULTIPLES))
  const slopes = tables.flatMap(({ steps }) => steps.map(step => step.slope))
  const points = [...tables.map(table => table.points), ...bases]
  let sum = offset
  const take = (step: { slope: bigint; sum: Point }): void => {
    slopes.push(step.slope)
    sum = step.sum
  }
  for (const { doublings, table, index, negative } of operations) {
    for (let i = 0; i < doublings; i++) take(double(sum))
    const point = points[table]![index]!
    take(add(sum, negative ? negate(point) : point))
  }
  if (sum.x !== end.x || sum.y !== end.y)
    throw invalid('the scalar multiplication does not end where it must')
  return slopes
}

function coefficientsOf(h1: Hex): { rho: bigint; row(index: number): bigint } {
  const coefficient = (index: bigint): bigint =>
    BigInt(keccak256(concat(fromHex(h1), number(index, 32)))) >> 96n
  return { rho: coefficient((1n << 256n) - 1n), row: index => coefficient(BigInt(index)) }
}

/** k1 and k2, two's complement. */
function quotientsOf({ e, r, s }: Statement, { v, w, g0, g1 }: Scalars): Uint8Array[] {
  const g = g0 + (g1 << 192n)
  return [number((w * s + v * r) / N, 32), number((g * s + v * e) / N, 64)]
}

/** Two's complement in the least multiple of 32 bytes. */
function encodeK(k: bigint): Uint8Array {
  const bits = (k < 0n ? -k : k).toString(2).length + 1
  const size = 32 * Math.ceil(bits / 256)
  if (size > MAX_K) throw sdkError('invalid-signature', `K has ${size} bytes, the contract takes ${MAX_K}`)
  return number(k, size)
}

function encodeSchedule(operations: Operation[]): Uint8Array {
  return concat(...operations.map(operation => number(BigInt(encodeOperation(operation)), 2)))
}

/** Big-endian, two's complement. */
function number(value: bigint, size: number): Uint8Array {
  const digits = BigInt.asUintN(8 * size, value)
    .toString(16)
    .padStart(2 * size, '0')
  return fromHex(`0x${digits}`)
}
