import { proofsError } from '@nacre/proofs/errors'
import { encodeKey, keyHash, keyOf, type VerificationKey } from '@nacre/proofs/zk/groth16/key'
import { G2_GENERATOR, sameG2 } from '@nacre/proofs/zk/groth16/points'
import { encodeGroth16File } from '@nacre/proofs/zk/groth16/proofFile'
import { type Groth16Proof, proveGroth16 as makeProof } from '@nacre/proofs/zk/groth16/prove'
import { verifyGroth16 } from '@nacre/proofs/zk/groth16/verify'
import { readZkeyHead } from '@nacre/proofs/zk/groth16/zkey'
import { NacreError } from '@nacre/verify'
import { toHex } from '@nacre/verify/bytes'
import { interruption } from '../../enclave/interruption.ts'
import { CliError, EXIT } from '../../errors.ts'
import { readRows } from '../../models/rows.ts'
import { type Output, red, yellow } from '../../output.ts'
import { here, quoted } from '../../shell.ts'
import { circuitOf } from './circuit.ts'
import { badFile, beside, readContainer, stem, writeWhole } from './files.ts'
import { readProvingKey } from './groth16Files.ts'
import { ensureGoing } from './interrupted.ts'
import { checkRows, clampedText, integersOf, type ProveOptions } from './prove.ts'
import { withSnarkjs } from './snarkjs.ts'
import { kilobytes, millis, printTold, say, toldOf } from './told.ts'

/** `nacre zk prove CONTAINER INPUT --groth16 [ZKEY]`: a proof that a contract can verify, by snarkjs. */
export async function proveGroth16(
  path: string,
  text: string,
  options: ProveOptions,
  output: Output,
): Promise<number> {
  const { signal } = interruption()
  checkOptions(options)
  const container = readContainer(path)
  const rows = readRows(text)
  checkRows(container, rows, {})
  const { input, clamped } = integersOf(container, rows)
  const zkeyPath = typeof options.groth16 === 'string' ? options.groth16 : beside(path, 'zkey')
  const zkey = readProvingKey(zkeyPath, OTHER_KEY)
  const head = headOf(zkeyPath, zkey)
  const { circuit, model } = await circuitOf(path)
  const key = keyOf(circuit, sameG2(head.gamma, G2_GENERATOR) ? 'ceremony' : 'development', head)
  await ensureGoing(signal)
  say('proving')
  const started = performance.now()
  const proven = await withSnarkjs(() => makeProof(circuit, zkey, input))
  const prove_ms = millis(started)
  ensureHolds(key, proven)
  await ensureGoing(signal)

  const artifact = keyHash(encodeKey(key))
  const { inputHash, outputs, proof } = proven
  const bytes = encodeGroth16File({ artifact, inputHash, output: outputs[0]!, proof })
  const file = options.out ?? `${stem(path)}.nzkp`
  writeWhole(file, bytes)
  const facts = {
    ...{ model, artifact: toHex(artifact) },
    setup: key.setup,
    input_hash: toHex(inputHash),
    outputs: container.graph.outputs.map((tensor, i) => toldOf(tensor, outputs[i]!, 1, container.scales)),
    ...{ clamped, constraints: circuit.constraints.length, prove_ms, proof: toHex(proof) },
    ...{ file, file_bytes: bytes.length },
  }
  output.line(`artifact     ${facts.artifact}`)
  output.line(`input hash   ${facts.input_hash}`)
  if (clamped > 0) output.line(yellow(clampedText(container, clamped)))
  for (const one of facts.outputs) printTold(output, 'output', one)
  output.line(
    `proof        ${proof.length} bytes, of ${facts.constraints} constraints; made in ${prove_ms} ms`,
  )
  if (key.setup === 'development') output.line(red(OF_DEVELOPMENT))
  const verify = `nacre zk verify ${quoted(here(path))} ${quoted(here(file))}`
  output.line(`file         ${here(file)}, ${kilobytes(bytes.length)}: ${verify}`)
  output.result(facts)
  return EXIT.ok
}

export const OF_DEVELOPMENT =
  'DEVELOPMENT: the key is of a setup that one party made, who can prove anything. No chain but 31337 takes it.'

const OTHER_KEY = 'name another one with --groth16 FILE'

function headOf(path: string, zkey: Uint8Array) {
  try {
    return readZkeyHead(zkey)
  } catch (error) {
    throw badFile(`${path} is no proving key`, error, OTHER_KEY)
  }
}

/** A key of another circuit of the same size makes proofs that do not hold. */
function ensureHolds(key: VerificationKey, { inputHash, outputs, proof }: Groth16Proof): void {
  try {
    verifyGroth16(key, { inputHash, output: outputs[0]! }, proof)
  } catch (cause) {
    if (!(cause instanceof NacreError)) throw cause
    throw proofsError(
      'zk-wrong-model',
      'the proving key is not of this model: what it makes does not verify',
      {
        cause,
      },
    )
  }
}

function checkOptions({ batch, publicWeights }: ProveOptions): void {
  if (!batch && !publicWeights) return
  throw new CliError('usage', {
    what: `--${batch ? 'batch' : 'public-weights'} does not go with --groth16`,
    why: 'a Groth16 circuit is of one input, and its key of the weights',
    fix: 'leave it out',
  })
}
