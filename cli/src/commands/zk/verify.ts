import { verifyZk } from '@nacre/proofs/zk'
import { modelIdOf } from '@nacre/proofs/zk/graph/model'
import type { ProofFile } from '@nacre/proofs/zk/graph/proofFile'
import { registerWeights } from '@nacre/proofs/zk/prove'
import { type Check, NacreError } from '@nacre/verify'
import { equalBytes, toHex } from '@nacre/verify/bytes'
import { printChecks } from '../../dev/report.ts'
import { EXIT } from '../../errors.ts'
import { green, type Output, red } from '../../output.ts'
import { type Container, readContainer, readProofFile } from './files.ts'
import { proverThreads } from './threads.ts'
import { millis, printTold, toldOf, warnNotHiding } from './told.ts'

export type VerifyOptions = { model?: Uint8Array; threads?: number }

/** `nacre zk verify CONTAINER PROOF`: every check, offline; the model is the caller's word. */
export async function verify(
  path: string,
  proof: string,
  options: VerifyOptions,
  output: Output,
): Promise<number> {
  const container = readContainer(path)
  const file = readProofFile(proof)
  const checks = [...checkIdentity(container, options), ...(await checkModel(container, file, options))]
  let verifyMs: number | undefined
  if (checks.every(check => check.ok)) {
    const started = performance.now()
    checks.push(...checkProof(container, file))
    verifyMs = millis(started)
  }
  const ok = checks.every(check => check.ok)
  const model = toHex(modelIdOf(container))
  const told = ok ? shown(container, file) : undefined

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
  warnNotHiding(output)
  output.result({
    ok,
    model,
    batch: file.batch,
    public_weights: file.mode === 1,
    ...(told && { input: told.input, outputs: told.outputs }),
    ...(verifyMs !== undefined && { verify_ms: verifyMs }),
    proof_bytes: file.proof.length,
    checks,
    zero_knowledge: false,
  })
  return ok ? EXIT.ok : EXIT.checkFailed
}

/** Whether the container is the model that the caller means. */
function checkIdentity(container: Container, { model }: VerifyOptions): Check[] {
  if (!model) return []
  const actual = modelIdOf(container)
  const ok = equalBytes(model, actual)
  const detail = ok ? 'the container is the model that --model names' : `the container is ${toHex(actual)}`
  return [{ name: 'expected-model', ok, detail }]
}

/** The container's root is made again from its weights: a root alone could stand for others, or for none. */
async function checkModel(
  container: Container,
  { model }: ProofFile,
  { threads: asked }: VerifyOptions,
): Promise<Check[]> {
  const { graph, weights } = container
  const threads = proverThreads(
    asked,
    weights.reduce((total, { length }) => total + length, 0),
  )
  const { weightsIds } = await registerWeights(graph, weights, { threads })
  const [committed] = weightsIds
  const isRoot = committed !== undefined && equalBytes(committed, container.root)
  const isModel = equalBytes(model, modelIdOf(container))
  return [
    {
      name: 'weights',
      ok: isRoot,
      detail: isRoot
        ? 'the container’s root is that of its weights'
        : 'the container’s root is not that of its weights',
    },
    {
      name: 'model',
      ok: isModel,
      detail: isModel ? 'the proof is for this model' : `the proof is for the model ${toHex(model)}`,
    },
  ]
}

/** What nothing can prove is a check that failed, too: its code, and why. */
function checkProof(
  container: Container,
  { mode, batch, input, outputs, proof }: ProofFile,
): readonly Check[] {
  const { graph, weights, root } = container
  try {
    return verifyZk(proof, {
      graph,
      weights: mode === 1 ? { public: weights } : { id: root },
      batch,
      input,
      outputs,
    }).checks
  } catch (error) {
    if (error instanceof NacreError) return [{ name: error.code, ok: false, detail: error.message }]
    throw error
  }
}

function shown(container: Container, { batch, input, outputs }: ProofFile) {
  return {
    input: toldOf(0, input, batch, container),
    outputs: container.graph.outputs.map((tensor, i) => toldOf(tensor, outputs[i]!, batch, container)),
  }
}
