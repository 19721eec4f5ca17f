import { developmentSetup } from '@nacre/proofs/zk/groth16/developmentSetup'
import { emitCircuit } from '@nacre/proofs/zk/groth16/emit'
import { proveGroth16 } from '@nacre/proofs/zk/groth16/prove'
import { grown } from './growth.ts'
import { repeat } from './times.ts'

/** The same by Groth16, with keys of a DEVELOPMENT setup. */
export async function measureGrowthGroth16(width: number): Promise<{ groth16_ms: number }> {
  const { graph, weights, input } = grown(width)
  const circuit = emitCircuit(graph, weights)
  const { zkey } = await developmentSetup(circuit)
  const { median } = await repeat(() => proveGroth16(circuit, zkey, input), { atLeast: 2, seconds: 3 })
  return { groth16_ms: median }
}
