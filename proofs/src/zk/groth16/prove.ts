/** Groth16 proofs by snarkjs of what a circuit's graph gives (docs/zk-groth16.md). */
import { concatAll } from '@nacre/verify/bytes'
import { proofsError } from '../../errors.ts'
import type { ModelCircuit } from './emit.ts'
import { encodeWtns } from './iden3.ts'
import { commitmentBytes, inputCommitment } from './packing.ts'
import { g1Bytes, g2Bytes } from './points.ts'
import { powerOf } from './qap.ts'
import { loadSnarkjs, type SnarkjsProof } from './snarkjs.ts'
import { outputsOf, witnessOf } from './witness.ts'
import { readZkeyHead } from './zkey.ts'

export type Groth16Proof = {
  /** `A | B | C`, 256 bytes. */
  proof: Uint8Array
  /** The input's commitment, 32 bytes. */
  inputHash: Uint8Array
  /** Row-major, batch first, in the graph's order. */
  outputs: Int32Array[]
}

/**
 * Runs the graph and proves what it gives. snarkjs starts workers, which stay for the next proof: `endSnarkjs` ends them.
 * @param zkey the proving key of this circuit
 * @param input row-major, batch first
 * @throws NacreError zk-snarkjs-missing, zk-invalid-key, zk-wrong-model, invalid-input, zk-value-out-of-range
 */
export async function proveGroth16(
  circuit: ModelCircuit,
  zkey: Uint8Array,
  input: Int32Array,
): Promise<Groth16Proof> {
  checkZkey(circuit, zkey)
  const witness = witnessOf(circuit, input)
  const { groth16 } = await loadSnarkjs()
  const { proof } = await groth16.prove(
    { type: 'mem', data: zkey },
    { type: 'mem', data: encodeWtns(witness) },
  )
  return {
    proof: proofBytes(proof),
    inputHash: commitmentBytes(inputCommitment(circuit.graph, input, circuit.batch)),
    outputs: outputsOf(circuit, witness),
  }
}

/** snarkjs would prove something with any key that has as many wires, and take the memory that its domain says. */
function checkZkey(circuit: ModelCircuit, zkey: Uint8Array): void {
  const { wires, signals } = circuit
  const head = readZkeyHead(zkey)
  const domain = 2 ** powerOf(circuit)
  if (head.wires !== wires || head.signals !== signals || head.domain !== domain)
    throw proofsError(
      'zk-wrong-model',
      `the proving key is of a circuit with ${head.wires} wires, ${head.signals} signals and a domain of ${head.domain}, not ${wires}, ${signals} and ${domain}`,
    )
}

function proofBytes({ pi_a, pi_b, pi_c }: SnarkjsProof): Uint8Array {
  const g1 = ([x, y]: SnarkjsProof['pi_a']): Uint8Array => g1Bytes({ x: BigInt(x), y: BigInt(y) })
  const pair = ([c0, c1]: [string, string]) => ({ c0: BigInt(c0), c1: BigInt(c1) })
  return concatAll([g1(pi_a), g2Bytes({ x: pair(pi_b[0]), y: pair(pi_b[1]) }), g1(pi_c)])
}
