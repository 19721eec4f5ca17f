/**
 * A setup by one party, in one step and without a ceremony (docs/zk-groth16.md, section 6). FOR DEVELOPMENT: whoever
 * makes it can prove anything. Its randomness is real, and gamma a public constant that no ceremony has, so that
 * contracts know its keys and take them on chain 31337 alone.
 */
import { concatAll } from '@nacre/verify/bytes'
import { sha256 } from '@noble/hashes/sha2.js'
import type { Circuit } from './circuit.ts'
import type { ModelCircuit } from './emit.ts'
import { inverse, MODULUS, mod } from './field.ts'
import { fixedBase } from './fixedBase.ts'
import { encodeKey, keyOf } from './key.ts'
import { COORDINATE_MODULUS, numberOf } from './points.ts'
import { type Qap, qapAt } from './qap.ts'
import { loadSnarkjs } from './snarkjs.ts'
import { readZkeyHead, zkeyFile } from './zkey.ts'

export type DevelopmentSetup = {
  /** The proving key, which snarkjs proves with. */
  zkey: Uint8Array
  /** The verification key's file: keyHash of it is the artifact. */
  key: Uint8Array
}

/** What a ceremony makes sure that nobody knows. */
type Trapdoor = Record<'tau' | 'alpha' | 'beta' | 'gamma' | 'delta', bigint>

const GAMMA = mod(numberOf(sha256(new TextEncoder().encode('nacre groth16 development setup'))))

/**
 * Takes seconds for small circuits, about a minute for 160,000 constraints.
 * @throws NacreError zk-snarkjs-missing, zk-key-unsupported
 */
export async function developmentSetup(
  circuit: ModelCircuit,
  { progress = () => {} }: { progress?: (step: string) => void } = {},
): Promise<DevelopmentSetup> {
  const trapdoor = randomTrapdoor()
  progress('evaluating the circuit')
  const qap = qapAt(circuit, trapdoor.tau)
  const zkey = await zkeyOf(circuit, qap, trapdoor, progress)
  return { zkey, key: encodeKey(keyOf(circuit, 'development', readZkeyHead(zkey))) }
}

async function zkeyOf(
  circuit: Circuit,
  { domain, a, b, c, odd }: Qap,
  { alpha, beta, gamma, delta }: Trapdoor,
  progress: (step: string) => void,
): Promise<Uint8Array> {
  const { curves } = await loadSnarkjs()
  const curve = await curves.getCurveFromName('bn128', { singleThread: true })
  const [g1, g2] = [fixedBase(curve, 'G1'), fixedBase(curve, 'G2')]
  const { signals, wires } = circuit
  const combined = a.map((value, wire) => mod(beta * value + alpha * b[wire]! + c[wire]!))
  const over = (values: readonly bigint[], divisor: bigint): bigint[] => {
    const factor = inverse(divisor)
    return values.map(value => (value * factor) % MODULUS)
  }
  const points = (name: string, make: () => Uint8Array): Uint8Array => {
    progress(`making points: ${name}`)
    return make()
  }
  const moduli = [COORDINATE_MODULUS, MODULUS].flatMap(modulus => [u32s(32), littleEndian(modulus)])
  const header = [
    ...moduli,
    u32s(wires, signals, domain),
    ...[g1([alpha, beta]), g2([beta, gamma]), g1([delta]), g2([delta])],
  ]
  return zkeyFile([
    [1, u32s(1)],
    [2, concatAll(header)],
    [3, g1(over(combined.slice(0, signals + 1), gamma))],
    [4, coefficientsOf(circuit)],
    [5, points('A', () => g1(a))],
    [6, points('B', () => g1(b))],
    [7, points('B in G2', () => g2(b))],
    [8, points('C', () => g1(over(combined.slice(signals + 1), delta)))],
    [9, points('H', () => g1(over(odd, delta)))],
    // The circuit's hash, which only ceremonies have, and no contributions.
    [10, concatAll([new Uint8Array(64), u32s(0)])],
  ])
}

/** Of the matrices A and B: `u32 matrix | u32 row | u32 wire | the coefficient times 2^512`. */
function coefficientsOf({ constraints, signals }: Circuit): Uint8Array {
  const rows: (readonly [matrix: number, row: number, wire: number, coefficient: bigint])[] = []
  for (const [row, { a, b }] of constraints.entries())
    for (const [matrix, linear] of [a, b].entries())
      for (const [wire, coefficient] of linear) rows.push([matrix, row, wire, coefficient])
  for (let wire = 0; wire <= signals; wire++) rows.push([0, constraints.length + wire, wire, 1n])
  const factor = mod(1n << 512n)
  const bytes = new Uint8Array(4 + 44 * rows.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, rows.length, true)
  for (const [i, [matrix, row, wire, coefficient]] of rows.entries()) {
    const at = 4 + 44 * i
    for (const [j, value] of [matrix, row, wire].entries()) view.setUint32(at + 4 * j, value, true)
    bytes.set(littleEndian(mod(coefficient * factor)), at + 12)
  }
  return bytes
}

function randomTrapdoor(): Trapdoor {
  return { tau: random(), alpha: random(), beta: random(), gamma: GAMMA, delta: random() }
}

/** From 48 bytes, so that the remainder is as good as uniform. 0 and roots of unity do not come up. */
function random(): bigint {
  return mod(numberOf(crypto.getRandomValues(new Uint8Array(48))))
}

function u32s(...values: number[]): Uint8Array {
  const bytes = new Uint8Array(4 * values.length)
  for (const [i, value] of values.entries()) new DataView(bytes.buffer).setUint32(4 * i, value, true)
  return bytes
}

function littleEndian(value: bigint): Uint8Array {
  const bytes = new Uint8Array(32)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < 4; i++) view.setBigUint64(8 * i, BigInt.asUintN(64, value >> BigInt(64 * i)), true)
  return bytes
}
