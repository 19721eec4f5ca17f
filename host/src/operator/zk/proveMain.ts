import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { sizeOf } from '@nacre/proofs/zk/graph/limits'
import { decodeModel, type Model } from '@nacre/proofs/zk/graph/model'
import { emitCircuit } from '@nacre/proofs/zk/groth16/emit'
import { decodeInput } from '@nacre/proofs/zk/groth16/input'
import { decodeKey } from '@nacre/proofs/zk/groth16/key'
import { proveGroth16 } from '@nacre/proofs/zk/groth16/prove'
import { verifyGroth16 } from '@nacre/proofs/zk/groth16/verify'
import { encodeTensor, fromHex, messageOf, toHex } from '@nacre/verify'
import type { Job } from './prove.ts'

/** One proof, verified: the job as JSON on standard input, what came of it as a line of JSON on standard output. */
async function main(): Promise<void> {
  const job = JSON.parse(await text(process.stdin)) as Job
  const { graph, weights } = decodeModel(readFileSync(job.container))
  const key = decodeKey(readFileSync(job.verifyingKey))
  const input = job.input === undefined ? leastInput(graph) : decodeInput(graph, fromHex(job.input))
  const provingKey = readFileSync(job.provingKey)
  const { outputs, inputHash, proof } = await proveGroth16(emitCircuit(graph, weights), provingKey, input)
  const [output = new Int32Array()] = outputs
  // What does not verify here would be refused on chain: the keys are of two setups, say, or of another network.
  verifyGroth16(key, { inputHash, output }, proof)
  const tensor = encodeTensor({ dtype: 'int32', dims: key.dims, data: output })
  say({ event: 'proven', output: toHex(tensor), proof: toHex(proof) }, 0)
}

/** Any input will do where none is asked about. */
function leastInput({ input }: Model['graph']): Int32Array {
  return new Int32Array(sizeOf(input.dims)).fill(input.lo)
}

/** snarkjs leaves workers behind: the process ends here. */
function say(event: object, code: number): void {
  process.stdout.write(`${JSON.stringify(event)}\n`, () => process.exit(code))
}

main().catch(error => say({ event: 'failed', message: messageOf(error) }, 1))
