import { type Graph, verifyZk, type Weights } from '@nacre/proofs/zk'
import { importOnnx, quantiseInput } from '@nacre/proofs/zk/import'
import { type Proven, prove, registerWeights } from '@nacre/proofs/zk/prove'
import { loadDigits, SIDE } from '../../models/train/data/digits.ts'
import { encodeOnnx, INPUT, type Node, OUTPUT, type Weight } from '../../models/train/onnx.ts'
import { createRandom } from '../../models/train/random.ts'
import { threadsFor } from './methods/transparent.ts'
import { repeat } from './times.ts'

/** A perceptron of this many weights and biases, proven. */
export type Growth = {
  parameters: number
  prove_ms: number
  verify_ms: number
  proof_bytes: number
  groth16_ms?: number
}

const SAMPLES = 8

/** A model of this width, and a digit in its integers. */
export type Grown = { graph: Graph; weights: Weights; input: Int32Array; parameters: number }

/** 784-width-width/4-10 with ReLU and random weights: it stands for its size, not for its answers. */
export function grown(width: number): Grown {
  const { onnx, parameters } = perceptron(width)
  const digits = loadDigits().training.slice(0, SAMPLES)
  const { graph, weights, scales } = importOnnx(
    onnx,
    digits.map(({ pixels }) => pixels),
  )
  return { graph, weights, parameters, input: quantiseInput(graph, scales[0]!, digits[0]!.pixels) }
}

export async function measureGrowth(width: number): Promise<Growth> {
  const { graph, weights, input, parameters } = grown(width)
  const threads = threadsFor(graph, weights, 1)
  const model = await registerWeights(graph, weights, { threads })
  let proven: Proven | undefined
  const proofs = await repeat(async () => {
    proven = await prove(model, input, 1)
  })
  const { proof, outputs } = proven!
  const identity = { id: model.weightsIds[0]! }
  const verdicts = await repeat(() => {
    const { ok } = verifyZk(proof, { graph, weights: identity, batch: 1, input, outputs })
    if (!ok) throw new Error(`the proof of ${parameters} parameters does not verify`)
  })
  return {
    parameters,
    prove_ms: proofs.median,
    verify_ms: verdicts.median,
    proof_bytes: proof.length,
  }
}

function perceptron(width: number): { onnx: Uint8Array; parameters: number } {
  const random = createRandom(width)
  const sizes = [SIDE * SIDE, width, width / 4, 10]
  const nodes: Node[] = [
    { op: 'Cast', inputs: [INPUT], output: 'grey', attributes: { to: 1 } },
    { op: 'Flatten', inputs: ['grey'], output: 'h0', attributes: { axis: 1 } },
  ]
  const weights: Weight[] = []
  for (let layer = 1; layer < sizes.length; layer++) {
    const [inputs, outputs] = [sizes[layer - 1]!, sizes[layer]!]
    const values = (count: number): Float64Array =>
      Float64Array.from({ length: count }, () => (2 * random.uniform() - 1) / Math.sqrt(inputs))
    weights.push({ name: `w${layer}`, dims: [outputs, inputs], values: values(outputs * inputs) })
    weights.push({ name: `b${layer}`, dims: [outputs], values: values(outputs) })
    const isLast = layer === sizes.length - 1
    const dense = { inputs: [`h${layer - 1}`, `w${layer}`, `b${layer}`], attributes: { transB: 1 } }
    nodes.push({ op: 'Gemm', ...dense, output: isLast ? OUTPUT : `s${layer}` })
    if (!isLast) nodes.push({ op: 'Relu', inputs: [`s${layer}`], output: `h${layer}` })
  }
  const onnx = encodeOnnx({
    name: `perceptron-${width}`,
    input: { dtype: 'uint8', dims: [-1, 1, SIDE, SIDE] },
    output: { dtype: 'float32', dims: [-1, 10] },
    ...{ nodes, weights },
  })
  return { onnx, parameters: weights.reduce((total, { values }) => total + values.length, 0) }
}
