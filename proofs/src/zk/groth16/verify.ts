/**
 * Verifies a Groth16 proof (Groth, EUROCRYPT 2016, section 3.2) on BN254, as the contract Groth16Verifier does: no snarkjs,
 * and no circuit. Signals are computed here, never taken from a prover.
 */
import { bn254 } from '@noble/curves/bn254.js'
import { proofsError } from '../../errors.ts'
import { MODULUS } from './field.ts'
import { elementsOf, type VerificationKey } from './key.ts'
import { packed } from './packing.ts'
import { type G1, G1_BYTES, type G2, G2_BYTES, isG1, isG2, numberOf, readG1, readG2 } from './points.ts'

/** `A | B | C`, as the EVM's precompiles take points. */
export const PROOF_BYTES: number = 2 * G1_BYTES + G2_BYTES

const G1Point = bn254.G1.Point

export type Groth16Statement = {
  /** The input's commitment, 32 bytes (commitmentBytes). */
  inputHash: Uint8Array
  /** The output's values, row-major, batch first. */
  output: Int32Array
}

/**
 * That a prover knows an input with this commitment for which the key's circuit gives this output.
 * @throws NacreError zk-value-out-of-range, invalid-input, zk-proof-size, zk-invalid-proof
 * @example
 * const inputHash = commitmentBytes(inputCommitment(graph, input))
 * verifyGroth16(decodeKey(file), { inputHash, output }, proof)
 */
export function verifyGroth16(key: VerificationKey, statement: Groth16Statement, proof: Uint8Array): void {
  const signals = signalsOfKey(key, statement)
  if (proof.length !== PROOF_BYTES)
    throw proofsError('zk-proof-size', `a proof has ${PROOF_BYTES} bytes, this has ${proof.length}`)
  const a = readG1(proof.subarray(0, G1_BYTES))
  const b = readG2(proof.subarray(G1_BYTES, G1_BYTES + G2_BYTES))
  const c = readG1(proof.subarray(G1_BYTES + G2_BYTES))
  if (!isG1(a) || !isG2(b) || !isG1(c)) throw invalid('a point of it is not of its group')
  const g2 = (point: G2) => bn254.G2.Point.fromAffine(point)
  const combination = combined(key.ic, signals)
  const product = bn254.pairingBatch([
    { g1: G1Point.fromAffine(a).negate(), g2: g2(b) },
    { g1: G1Point.fromAffine(key.alpha), g2: g2(key.beta) },
    // At infinity, as whoever makes a key can arrange it, its pairing is 1 and noble takes none.
    ...(combination.is0() ? [] : [{ g1: combination, g2: g2(key.gamma) }]),
    { g1: G1Point.fromAffine(c), g2: g2(key.delta) },
  ])
  const { Fp12 } = bn254.fields
  if (!Fp12.eql(product, Fp12.ONE)) throw invalid('its equation does not hold')
}

/** The public signals of a statement. @throws NacreError zk-value-out-of-range, invalid-input */
export function signalsOfKey(key: VerificationKey, { inputHash, output }: Groth16Statement): bigint[] {
  const { dims, lo, width } = key
  const commitment = numberOf(inputHash)
  if (inputHash.length !== 32 || commitment >= MODULUS)
    throw proofsError('invalid-input', 'the input’s hash is no element of the field in 32 bytes')
  const count = dims.reduce((product, dim) => product * dim, 1)
  if (output.length !== count)
    throw proofsError('invalid-input', `${output.length} values of the output, not ${count}`)
  const outside = output.find(value => value < lo || value >= lo + 2 ** width)
  if (outside !== undefined)
    throw proofsError('zk-value-out-of-range', `the output has a value ${outside}: ${width} bits from ${lo}`)
  const { perElement } = elementsOf(key)
  return [commitment, ...packed({ lo, width, perElement }, output)]
}

/** ic_0 + Σ signal_i · ic_{i+1}; noble’s multiply takes no zero. */
function combined(ic: readonly G1[], signals: readonly bigint[]): typeof G1Point.ZERO {
  let sum = G1Point.fromAffine(ic[0]!)
  for (const [i, signal] of signals.entries())
    if (signal !== 0n) sum = sum.add(G1Point.fromAffine(ic[1 + i]!).multiplyUnsafe(signal))
  return sum
}

const invalid = (message: string): Error => proofsError('zk-invalid-proof', message)
