/**
 * Makes the files of this folder: `npx node vectors/zk/groth16/generate.ts`. Setups and proofs have real randomness, so
 * that each run makes others.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { layoutOf } from '@nacre/proofs/zk/graph/layout'
import { developmentSetup } from '@nacre/proofs/zk/groth16/developmentSetup'
import { emitCircuit, type ModelCircuit } from '@nacre/proofs/zk/groth16/emit'
import { encodeR1cs } from '@nacre/proofs/zk/groth16/iden3'
import { encodeInput } from '@nacre/proofs/zk/groth16/input'
import { decodeKey, encodeKey, keyHash, keyOf } from '@nacre/proofs/zk/groth16/key'
import { proveGroth16 } from '@nacre/proofs/zk/groth16/prove'
import { endSnarkjs } from '@nacre/proofs/zk/groth16/snarkjs'
import { verifyGroth16 } from '@nacre/proofs/zk/groth16/verify'
import { readZkeyHead } from '@nacre/proofs/zk/groth16/zkey'
import { importOnnx, quantiseInput } from '@nacre/proofs/zk/import'
import { encodeTensor } from '@nacre/verify'
import { toHex } from '@nacre/verify/bytes'
import { type ModelName, modelPath, sampleCount, sampleOf } from '../../../models/samples.ts'

type Setup = (circuit: ModelCircuit) => Promise<{ zkey: Uint8Array; key: Uint8Array }>

/** By snarkjs's own steps: two contributions to the first phase, two to the second, and a beacon for each. */
const ceremony: Setup = async circuit => {
  // @ts-expect-error: it has no types.
  const { powersOfTau, zKey, curves } = await import('snarkjs')
  const folder = mkdtempSync(join(tmpdir(), 'nacre-ceremony-'))
  const at = (name: string): string => join(folder, name)
  const beacon = ['07'.repeat(32), 10] as const
  try {
    await powersOfTau.newAccumulator(await curves.getCurveFromName('bn128'), 9, at('0.ptau'))
    await powersOfTau.contribute(at('0.ptau'), at('1.ptau'), 'first', crypto.randomUUID())
    await powersOfTau.contribute(at('1.ptau'), at('2.ptau'), 'second', crypto.randomUUID())
    await powersOfTau.beacon(at('2.ptau'), at('3.ptau'), 'beacon', ...beacon)
    await powersOfTau.preparePhase2(at('3.ptau'), at('final.ptau'))
    writeFileSync(at('circuit.r1cs'), encodeR1cs(circuit))
    await zKey.newZKey(at('circuit.r1cs'), at('final.ptau'), at('0.zkey'))
    await zKey.contribute(at('0.zkey'), at('1.zkey'), 'first', crypto.randomUUID())
    await zKey.contribute(at('1.zkey'), at('2.zkey'), 'second', crypto.randomUUID())
    await zKey.beacon(at('2.zkey'), at('final.zkey'), 'beacon', ...beacon)
    const zkey = new Uint8Array(readFileSync(at('final.zkey')))
    return { zkey, key: encodeKey(keyOf(circuit, 'ceremony', readZkeyHead(zkey))) }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function vectorOf(name: ModelName, setup: Setup): Promise<object> {
  const samples = Array.from({ length: sampleCount(name) }, (_, i) => sampleOf(name, i).input)
  const rows = samples.map(({ data }) => Array.from(data, Number))
  const { graph, weights, scales } = importOnnx(new Uint8Array(readFileSync(modelPath(name))), rows)
  layoutOf(graph, 1, 0)
  const circuit = emitCircuit(graph, weights)
  const { zkey, key } = await setup(circuit)
  const input = quantiseInput(graph, scales[0]!, rows[0]!)
  const { proof, inputHash, outputs } = await proveGroth16(circuit, zkey, input)
  const output = outputs[0]!
  verifyGroth16(decodeKey(key), { inputHash, output }, proof)
  return {
    model: name,
    constraints: circuit.constraints.length,
    artifact: toHex(keyHash(key)),
    key: toHex(key),
    inputRange: [graph.input.lo, graph.input.hi],
    input: toHex(encodeInput(graph, input)),
    inputHash: toHex(inputHash),
    output: toHex(encodeTensor({ dtype: 'int32', dims: decodeKey(key).dims, data: output })),
    proof: toHex(proof),
  }
}

const wanted = process.argv.slice(2)
for (const [file, model, setup] of [
  ['iris-ols', 'iris-ols', developmentSetup],
  ['iris-mlp', 'iris-mlp', developmentSetup],
  ['lenet5', 'lenet5', developmentSetup],
  ['ceremony', 'iris-ols', ceremony],
] as const) {
  if (wanted.length > 0 && !wanted.includes(file)) continue
  console.log(file)
  const vector = await vectorOf(model, setup)
  writeFileSync(join(import.meta.dirname, `${file}.json`), `${JSON.stringify(vector, null, 2)}\n`)
}
await endSnarkjs()
