import { concatAll } from '@nacre/verify/bytes'
import { bn254 } from '@noble/curves/bn254.js'
import { bytesToHex } from '@noble/hashes/utils.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { graphBuilder } from '../graph/build.ts'
import { type DevelopmentSetup, developmentSetup } from './developmentSetup.ts'
import { emitCircuit } from './emit.ts'
import { MODULUS } from './field.ts'
import { decodeKey, encodeKey, keyOf, type VerificationKey } from './key.ts'
import { commitmentBytes, inputCommitment } from './packing.ts'
import { COORDINATE_MODULUS, G2_GENERATOR, g1Bytes, g2Bytes, numberOf } from './points.ts'
import { type Groth16Proof, proveGroth16 } from './prove.ts'
import { endSnarkjs } from './snarkjs.ts'
import { verifyGroth16 } from './verify.ts'
import { readZkeyHead } from './zkey.ts'

const { input, build } = graphBuilder({ dims: [3], lo: -5, hi: 6 })
const hidden = input.dense({ dims: [9, 3], values: Array.from({ length: 27 }, (_, i) => (i % 7) - 3) })
const { graph, weights } = build(hidden.clamp(-20, 20).mul(hidden))
const circuit = emitCircuit(graph, weights)
const values = Int32Array.of(-5, 6, 1)

let setup: DevelopmentSetup
let key: VerificationKey
let proven: Groth16Proof
let output: Int32Array
beforeAll(async () => {
  setup = await developmentSetup(circuit)
  key = decodeKey(setup.key)
  proven = await proveGroth16(circuit, setup.zkey, values)
  output = proven.outputs[0]!
})
afterAll(endSnarkjs)

const failing = (code: string, verify: () => void): void =>
  expect(verify).toThrow(expect.objectContaining({ code }))

test('a proof holds for its input’s commitment and its output, and again', async () => {
  const { proof, inputHash } = proven
  expect(inputHash).toEqual(commitmentBytes(inputCommitment(graph, values)))
  verifyGroth16(key, { inputHash, output }, proof)
  const again = await proveGroth16(circuit, setup.zkey, values)
  expect(bytesToHex(again.proof)).not.toBe(bytesToHex(proof))
  verifyGroth16(key, { inputHash, output }, again.proof)
})

test('no value of the output, no bit of the input’s hash and no coordinate is another', () => {
  const { proof, inputHash } = proven
  for (const i of output.keys())
    failing('zk-invalid-proof', () =>
      verifyGroth16(key, { inputHash, output: output.with(i, output[i]! ^ 1) }, proof),
    )
  for (const i of [1, 17, 31])
    failing('zk-invalid-proof', () =>
      verifyGroth16(key, { inputHash: inputHash.with(i, inputHash[i]! ^ 1), output }, proof),
    )
  for (let i = 0; i < 8; i++)
    failing('zk-invalid-proof', () =>
      verifyGroth16(key, { inputHash, output }, proof.with(32 * i + 31, proof[32 * i + 31]! ^ 1)),
    )
})

test('a number has one form', () => {
  const { proof, inputHash } = proven
  const wide = (bytes: Uint8Array, modulus: bigint): Uint8Array =>
    Uint8Array.from(Buffer.from((numberOf(bytes) + modulus).toString(16).padStart(64, '0'), 'hex'))
  failing('zk-invalid-proof', () => {
    const changed = Uint8Array.from(proof)
    changed.set(wide(proof.subarray(0, 32), COORDINATE_MODULUS))
    verifyGroth16(key, { inputHash, output }, changed)
  })
  failing('invalid-input', () => verifyGroth16(key, { inputHash: wide(inputHash, MODULUS), output }, proof))
  failing('zk-proof-size', () => verifyGroth16(key, { inputHash, output }, Uint8Array.of(...proof, 0)))
  failing('invalid-input', () => verifyGroth16(key, { inputHash, output: output.slice(1) }, proof))
  failing('zk-value-out-of-range', () =>
    verifyGroth16(key, { inputHash, output: output.with(0, key.lo - 1) }, proof),
  )
  failing('zk-invalid-proof', () => verifyGroth16(key, { inputHash, output }, new Uint8Array(256)))
})

test('signals that a key combines to infinity are verified as the precompile does', () => {
  const g1 = (scalar: bigint) => bn254.G1.Point.BASE.multiply(scalar).toAffine()
  const g2 = (scalar: bigint) => bn254.G2.Point.BASE.multiply(scalar).toAffine()
  const { x, y } = g1(9n)
  const ic = [{ x, y }, { x, y: COORDINATE_MODULUS - y }, g1(4n)]
  const points = { alpha: g1(2n), beta: g2(3n), gamma: g2(4n), delta: g2(5n), ic }
  const made = decodeKey(encodeKey({ ...points, setup: 'development', dims: [1], lo: 0, width: 8 }))
  // 1 · ic1 + 0 · ic2 = -ic0, and 7 · 8 = 2 · 3 + 10 · 5.
  const statement = { inputHash: commitmentBytes(1n), output: Int32Array.of(0) }
  const proofOf = (c: bigint) => concatAll([g1Bytes(g1(7n)), g2Bytes(g2(8n)), g1Bytes(g1(c))])
  verifyGroth16(made, statement, proofOf(10n))
  failing('zk-invalid-proof', () => verifyGroth16(made, statement, proofOf(11n)))
})

test('another setup of the same circuit, and another circuit, take no such proof', async () => {
  const other = await developmentSetup(circuit)
  failing('zk-invalid-proof', () =>
    verifyGroth16(decodeKey(other.key), { inputHash: proven.inputHash, output }, proven.proof),
  )
  const less = graphBuilder({ dims: [3], lo: -5, hi: 6 })
  const small = less.build(less.input.sum())
  await expect(
    proveGroth16(emitCircuit(small.graph, small.weights), setup.zkey, values),
  ).rejects.toMatchObject({
    code: 'zk-wrong-model',
  })
})

test('a proving key that says another domain would take its memory, and proves nothing', async () => {
  const zkey = Uint8Array.from(setup.zkey)
  const [wires, signals] = [circuit.wires, circuit.signals]
  const at = 12 + 12 + 4 + 12 + 2 * 36
  const view = new DataView(zkey.buffer)
  expect([view.getUint32(at, true), view.getUint32(at + 4, true)]).toEqual([wires, signals])
  view.setUint32(at + 8, 2 ** 31, true)
  await expect(proveGroth16(circuit, zkey, values)).rejects.toMatchObject({ code: 'zk-wrong-model' })
})

test('the key of a development cannot pass for that of a ceremony', () => {
  const head = readZkeyHead(setup.zkey)
  failing('zk-invalid-key', () => keyOf(circuit, 'ceremony', head))
  const flagged = setup.key.with(5, 0)
  failing('zk-invalid-key', () => decodeKey(flagged))
  // Under the generator its proofs are worth nothing.
  const renamed = decodeKey(encodeKey({ ...key, setup: 'ceremony', gamma: G2_GENERATOR }))
  failing('zk-invalid-proof', () =>
    verifyGroth16(renamed, { inputHash: proven.inputHash, output }, proven.proof),
  )
})

test('a proving key that is cut short or changed in its head is refused', () => {
  const { zkey } = setup
  for (const size of [0, 4, 11, 12, 30, 200, 700, zkey.length - 1])
    failing('zk-invalid-key', () => readZkeyHead(zkey.subarray(0, size)))
  failing('zk-invalid-key', () => readZkeyHead(concatAll([zkey, Uint8Array.of(0)])))
  failing('zk-unsupported-version', () => readZkeyHead(zkey.with(4, 2)))
  for (const at of [0, 12, 24, 28, 44, 80]) failing('zk-invalid-key', () => readZkeyHead(zkey.with(at, 9)))
})
