import { proofsError } from '@nacre/proofs/errors'
import { verifyZk, type Weights } from '@nacre/proofs/zk'
import { modelIdOf } from '@nacre/proofs/zk/graph/model'
import type { ProofFile } from '@nacre/proofs/zk/graph/proofFile'
import { registerWeights } from '@nacre/proofs/zk/prove'
import { type Check, NacreError } from '@nacre/verify'
import { equalBytes, toHex } from '@nacre/verify/bytes'
import { printChecks } from '../../dev/report.ts'
import { CliError, EXIT } from '../../errors.ts'
import { green, type Output, red } from '../../output.ts'
import { hasWeights, readProofFile, readTrusted, type Trusted } from './files.ts'
import { proverThreads } from './threads.ts'
import { millis, printTold, toldOf, warnNotHiding, warnNoWeights } from './told.ts'

export type VerifyOptions = {
  model?: Uint8Array
  threads?: number
  /** Of Groth16 proofs: the key file, the input that they must be about, and that a development's key is taken. */
  key?: string
  input?: string
  development?: boolean
}

/** `nacre zk verify CONTAINER|KEY PROOF`: every check, offline; the model is the caller's word. */
export async function verify(
  path: string,
  proof: string,
  options: VerifyOptions,
  output: Output,
): Promise<number> {
  const trusted = readTrusted(path)
  checkOptions(options)
  const file = readProofFile(proof)
  const checks = [
    ...checkIdentity(trusted, options),
    ...(await checkWeights(trusted, options)),
    checkModel(trusted, file),
  ]
  let verifyMs: number | undefined
  if (checks.every(check => check.ok)) {
    const started = performance.now()
    checks.push(...checkProof(trusted, file))
    verifyMs = millis(started)
  }
  const ok = checks.every(check => check.ok)
  const model = toHex(modelIdOf(trusted))
  const told = ok ? shown(trusted, file) : undefined

  output.line(`model ${model}`)
  printChecks(output, checks)
  if (told) {
    printTold(output, 'input', told.input)
    for (const one of told.outputs) printTold(output, 'output', one)
  }
  if (ok)
    output.line(
      green(`All checks hold: this network of integers maps this input to these outputs (${verifyMs} ms).`),
    )
  else output.line(red('This proof does NOT verify: do not use its outputs.'))
  if (!hasWeights(trusted)) warnNoWeights(output)
  warnNotHiding(output)
  output.result({
    ok,
    model,
    batch: file.batch,
    public_weights: file.mode === 1,
    weights_checked: hasWeights(trusted),
    ...(told && { input: told.input, outputs: told.outputs }),
    ...(verifyMs !== undefined && { verify_ms: verifyMs }),
    proof_bytes: file.proof.length,
    checks,
    zero_knowledge: false,
  })
  return ok ? EXIT.ok : EXIT.checkFailed
}

/** What asks for more than is checked must not pass unnoticed. */
function checkOptions({ key, input, development }: VerifyOptions): void {
  if (key === undefined && input === undefined && !development) return
  throw new CliError('usage', {
    what: '--key, --input and --development do not go with this proof',
    why: 'they are of Groth16 proofs (.nzkp); this one has its input in the clear, and needs no setup',
    fix: 'leave them out',
  })
}

/** Whether this is the model that the caller means. */
function checkIdentity(trusted: Trusted, { model }: VerifyOptions): Check[] {
  if (!model) return []
  const actual = modelIdOf(trusted)
  const ok = equalBytes(model, actual)
  const detail = ok ? 'this is the model that --model names' : `this is the model ${toHex(actual)}`
  return [{ name: 'expected-model', ok, detail }]
}

function checkModel(trusted: Trusted, { model }: ProofFile): Check {
  const ok = equalBytes(model, modelIdOf(trusted))
  const detail = ok ? 'the proof is for this model' : `the proof is for the model ${toHex(model)}`
  return { name: 'model', ok, detail }
}

/**
 * The container's root is made again from its weights: a root alone could stand for others, or for none. A key has no weights: that
 * its root is of valid ones is the word of whoever made it.
 */
async function checkWeights(trusted: Trusted, { threads: asked }: VerifyOptions): Promise<Check[]> {
  if (!hasWeights(trusted)) return []
  const { graph, weights, root } = trusted
  const threads = proverThreads(
    asked,
    weights.reduce((total, { length }) => total + length, 0),
  )
  const { weightsIds } = await registerWeights(graph, weights, { threads })
  const [committed] = weightsIds
  const ok = committed !== undefined && equalBytes(committed, root)
  return [{ name: 'weights', ok, detail: `the container’s root is ${ok ? '' : 'not '}that of its weights` }]
}

/** What nothing can prove is a check that failed, too: its code, and why. */
function checkProof(trusted: Trusted, { mode, batch, input, outputs, proof }: ProofFile): readonly Check[] {
  const { graph, root } = trusted
  try {
    return verifyZk(proof, {
      graph,
      weights: mode === 1 ? { public: weightsOf(trusted) } : { id: root },
      batch,
      input,
      outputs,
    }).checks
  } catch (error) {
    if (error instanceof NacreError) return [{ name: error.code, ok: false, detail: error.message }]
    throw error
  }
}

/** @throws NacreError zk-public-weights */
function weightsOf(trusted: Trusted): Weights {
  if (hasWeights(trusted)) return trusted.weights
  throw proofsError('zk-public-weights', 'the proof is with public weights, and a verifying key has none')
}

function shown(trusted: Trusted, { batch, input, outputs }: ProofFile) {
  const scales = hasWeights(trusted) ? trusted.scales : undefined
  return {
    input: toldOf(0, input, batch, scales),
    outputs: trusted.graph.outputs.map((tensor, i) => toldOf(tensor, outputs[i]!, batch, scales)),
  }
}
