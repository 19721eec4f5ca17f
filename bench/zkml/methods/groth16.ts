import { readFileSync, writeFileSync } from 'node:fs'
import type { Graph } from '@nacre/proofs/zk'
import { bits } from '@nacre/proofs/zk/graph/limits'
import { checkGraph, rangeOf } from '@nacre/proofs/zk/graph/ranges'
import { run } from '@nacre/proofs/zk/graph/reference'
import { developmentSetup } from '@nacre/proofs/zk/groth16/developmentSetup'
import { emitCircuit, type ModelCircuit } from '@nacre/proofs/zk/groth16/emit'
import { decodeKey } from '@nacre/proofs/zk/groth16/key'
import { type Groth16Proof, proveGroth16 } from '@nacre/proofs/zk/groth16/prove'
import { endSnarkjs } from '@nacre/proofs/zk/groth16/snarkjs'
import { verifyGroth16 } from '@nacre/proofs/zk/groth16/verify'
import type { Tensor } from '@nacre/verify'
import { type Container, integersInput, readContainer } from '../container.ts'
import { gasOfCheck } from '../gas.ts'
import { type Figures, NOTHING, peakMb } from '../row.ts'
import { samplesOf } from '../samples.ts'
import { repeat, round } from '../times.ts'
import { questionOf, type Workload } from '../workloads.ts'

/** Or why a model has no circuit. The accuracy is that of classes from logits of eight bits, where the circuit has them. */
export type Setup = { setup_ms: number; accuracy?: number } | { note: string }

const zkeyPath = (folder: string, { name }: Workload): string => `${folder}/${name}.zkey`
const keyPath = (folder: string, { name }: Workload): string => `${folder}/${name}.nzkg`

/** Keys of a DEVELOPMENT setup, as files, once a model. */
export async function setupGroth16(workload: Workload, folder: string): Promise<Setup> {
  const { circuit, graph, container } = circuitOf(workload, folder)
  if (typeof circuit === 'string') return { note: circuit }
  const started = performance.now()
  const { zkey, key } = await developmentSetup(circuit, {
    progress: step => console.error(`  setup: ${step}`),
  })
  const setup_ms = round(performance.now() - started)
  writeFileSync(zkeyPath(folder, workload), zkey)
  writeFileSync(keyPath(folder, workload), key)
  return {
    setup_ms,
    ...(workload.batch > 1 && { accuracy: accuracyOfClasses(workload, { ...container, graph }) }),
  }
}

/** Proofs by snarkjs, the witness included, verified by our verifier and by the contract on a development chain. */
export async function measureGroth16(workload: Workload, folder: string): Promise<Figures> {
  const { circuit, graph, container } = circuitOf(workload, folder)
  if (typeof circuit === 'string') return { ...NOTHING, note: circuit }
  const { batch } = workload
  const input = integersInput(container, questionOf(workload))
  const zkey = Uint8Array.from(readFileSync(zkeyPath(folder, workload)))
  let proven: Groth16Proof | undefined
  const proofs = await repeat(
    async () => {
      proven = await proveGroth16(circuit, zkey, input)
    },
    { atLeast: 2 },
  )
  await endSnarkjs()
  const { proof, inputHash, outputs } = proven!
  const [output] = outputs as [Int32Array]
  const reference = run(graph, container.weights, input, batch)[graph.outputs[0]!]!
  if (!output.every((value, i) => value === reference[i])) throw new Error('not what the reference gives')
  const keyFile = Uint8Array.from(readFileSync(keyPath(folder, workload)))
  const key = decodeKey(keyFile)
  const verdicts = await repeat(() => verifyGroth16(key, { inputHash, output }, proof), { seconds: 1 })
  const tensor: Tensor = { dtype: 'int32', dims: key.dims, data: output }
  return {
    prove_ms: proofs.median,
    verify_ms: verdicts.median,
    proof_bytes: proof.length,
    rss_mb: peakMb(),
    gas: await gasOfCheck(keyFile, { inputHash, proof, output: tensor }),
    cold_ms: proofs.cold,
    constraints: circuit.constraints.length,
    ...(batch > 1 && { note: 'its outputs are the classes: as many logits are more than a contract takes' }),
  }
}

/** The circuit, or why there is none. */
function circuitOf(
  workload: Workload,
  folder: string,
): { circuit: ModelCircuit | string; graph: Graph; container: Container } {
  const container = readContainer(folder, workload)
  const { batch } = workload
  const graph = batch > 1 ? withClasses(container.graph) : container.graph
  try {
    return { circuit: emitCircuit(graph, container.weights, batch), graph, container }
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    if (code !== 'unsupported-operator' && code !== 'model-too-large') throw error
    return { circuit: message, graph, container }
  }
}

function accuracyOfClasses(workload: Workload, { graph, weights, scales }: Container): number {
  const { inputs, labels } = samplesOf(workload).heldOut
  const classes = run(graph, weights, integersInput({ graph, scales }, inputs), labels.length)[
    graph.outputs[0]!
  ]!
  return labels.filter((label, i) => label === classes[i]).length / labels.length
}

const CLASS_BITS = 8

/** The graph with the number of its largest output in that output's place, once it has eight bits. */
function withClasses(graph: Graph): Graph {
  const [logits] = graph.outputs as [number]
  const { lo, hi } = rangeOf(graph, logits)
  const classes = checkGraph(graph)[logits]!.dims.at(-1)!
  const shift = Math.max(0, bits(Math.max(-lo, hi + 1)) + 1 - CLASS_BITS)
  const half = 2 ** (CLASS_BITS - 1)
  const small = { lo: -half, hi: half - 1 }
  const tensor = graph.nodes.length + 1
  return {
    ...graph,
    nodes: [
      ...graph.nodes,
      {
        ...{ op: 'lookup', x: logits, multiplier: 1, shift, wide: false, width: CLASS_BITS + 1 },
        ...{ f: { clamp: [small.lo, small.hi] }, ...small },
      },
      {
        ...{ op: 'argmax', x: tensor, window: CLASS_BITS, width: CLASS_BITS + bits(classes) },
        ...{ lo: 0, hi: classes - 1 },
      },
    ],
    outputs: [tensor + 1],
  }
}
