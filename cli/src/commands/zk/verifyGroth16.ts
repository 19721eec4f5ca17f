import { commitmentBytes, inputCommitment, packingsOf } from '@nacre/proofs/zk/groth16/packing'
import type { Groth16ProofFile } from '@nacre/proofs/zk/groth16/proofFile'
import { verifyGroth16 as verifyProof } from '@nacre/proofs/zk/groth16/verify'
import { type Check, NacreError } from '@nacre/verify'
import { equalBytes, toHex } from '@nacre/verify/bytes'
import { printChecks } from '../../dev/report.ts'
import { CliError, EXIT } from '../../errors.ts'
import { readRows } from '../../models/rows.ts'
import { green, type Output, red } from '../../output.ts'
import { beside, type Container, readContainer } from './files.ts'
import { type KeyFile, readGroth16File, readKey } from './groth16Files.ts'
import { checkRows, integersOf } from './prove.ts'
import { OF_DEVELOPMENT } from './proveGroth16.ts'
import { millis, printTold, toldOf } from './told.ts'
import type { VerifyOptions } from './verify.ts'

/** `nacre zk verify CONTAINER PROOF` of a Groth16 proof: every check, offline, without snarkjs; the key is the caller's word. */
export function verifyGroth16(
  path: string,
  proofPath: string,
  options: VerifyOptions,
  output: Output,
): number {
  checkOptions(options)
  const container = readContainer(path)
  const file = readGroth16File(proofPath)
  const keyFile = readKey(options.key ?? beside(path, 'nzkg'))
  const checks = [
    checkKey(file, keyFile),
    checkSetup(keyFile, options),
    checkModel(container, keyFile),
    ...checkInput(container, file, options.input),
  ]
  const started = performance.now()
  checks.push(checkProof(file, keyFile))
  const verify_ms = millis(started)
  const ok = checks.every(check => check.ok)
  const outputs = ok
    ? container.graph.outputs.map(tensor => toldOf(tensor, file.output, 1, container.scales))
    : undefined
  const [artifact, input_hash] = [toHex(keyFile.artifact), toHex(file.inputHash)]

  output.line(`artifact ${artifact}`)
  printChecks(output, checks)
  output.line(`input hash   ${input_hash}`)
  for (const one of outputs ?? []) printTold(output, 'output', one)
  if (keyFile.key.setup === 'development') output.line(red(OF_DEVELOPMENT))
  output.line(
    ok
      ? green(
          `All checks hold: the key's network maps an input with this hash to this output (${verify_ms} ms).`,
        )
      : red('This proof does NOT verify: do not use its output.'),
  )
  output.result({
    ok,
    artifact,
    setup: keyFile.key.setup,
    input_hash,
    ...(outputs && { outputs }),
    verify_ms,
    checks,
  })
  return ok ? EXIT.ok : EXIT.checkFailed
}

function checkKey({ artifact }: Groth16ProofFile, keyFile: KeyFile): Check {
  const ok = equalBytes(artifact, keyFile.artifact)
  const detail = ok ? 'the proof is for this key' : `the proof is for the key ${toHex(artifact)}`
  return { name: 'key', ok, detail }
}

/** Never silently: whoever made a development's setup can prove anything. */
function checkSetup({ key: { setup } }: KeyFile, { development = false }: VerifyOptions): Check {
  const ok = setup === 'ceremony' || development
  const detail =
    setup === 'ceremony'
      ? 'its setup calls itself a ceremony’s: nacre zk setup verify says whether it is one'
      : `one party made its setup, and can prove anything${ok ? ': --development takes it' : '; --development takes it none the less'}`
  return { name: 'setup', ok, detail }
}

/** The container gives the output's form and scales alone: its identity would say nothing of the key. */
function checkOptions({ model }: VerifyOptions): void {
  if (!model) return
  throw new CliError('usage', {
    what: '--model does not go with a Groth16 proof',
    why: 'the key alone says which network the proof is of',
    fix: 'name the key that you trust with --key FILE; nacre zk setup verify says whether it is the model’s',
  })
}

/** That the key can be the container's. Whether it is says nacre zk setup verify alone. */
function checkModel({ graph }: Container, { key }: KeyFile): Check {
  const [packing, ...others] = packingsOf(graph, 1).outputs
  const count = key.dims.reduce((product, dim) => product * dim, 1)
  const ok =
    packing !== undefined &&
    others.length === 0 &&
    packing.count === count &&
    packing.lo === key.lo &&
    packing.width === key.width
  const detail = ok
    ? 'its output has the form of the container’s'
    : 'the container’s output has another form: the key is of another model'
  return { name: 'model', ok, detail }
}

function checkInput(
  container: Container,
  { inputHash }: Groth16ProofFile,
  text: string | undefined,
): Check[] {
  if (text === undefined) return []
  const rows = readRows(text)
  checkRows(container, rows, {})
  const { input } = integersOf(container, rows)
  const actual = commitmentBytes(inputCommitment(container.graph, input))
  const ok = equalBytes(actual, inputHash)
  const detail = ok
    ? 'the proof is about the input that --input names'
    : `that input has the hash ${toHex(actual)}`
  return [{ name: 'input', ok, detail }]
}

function checkProof({ inputHash, output, proof }: Groth16ProofFile, { key }: KeyFile): Check {
  try {
    verifyProof(key, { inputHash, output }, proof)
    return { name: 'proof', ok: true, detail: 'the pairing equation holds for this hash and this output' }
  } catch (error) {
    if (error instanceof NacreError)
      return { name: 'proof', ok: false, detail: `${error.code}: ${error.message}` }
    throw error
  }
}
