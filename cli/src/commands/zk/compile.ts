import type { Layout } from '@nacre/proofs/zk'
import { graphHash } from '@nacre/proofs/zk/graph/encode'
import { layoutOf, securityBits } from '@nacre/proofs/zk/graph/layout'
import { encodeModel, modelIdOf } from '@nacre/proofs/zk/graph/model'
import { encodeVerifyingKey } from '@nacre/proofs/zk/graph/verifyingKey'
import type { Imported } from '@nacre/proofs/zk/import'
import { ensureProofFits, registerWeights } from '@nacre/proofs/zk/prove'
import { toHex } from '@nacre/verify/bytes'
import { sha256 } from '@nacre/verify/hash'
import { interruption } from '../../enclave/interruption.ts'
import { CliError, EXIT } from '../../errors.ts'
import { type Output, plain } from '../../output.ts'
import { here } from '../../shell.ts'
import { type Container, writeWhole } from './files.ts'
import { ensureGoing } from './interrupted.ts'
import { samplesOf, sourceOf } from './source.ts'
import { importInThread, proverThreads } from './threads.ts'
import { kilobytes, say, warnNotHiding } from './told.ts'

export type CompileOptions = { samples?: string; out?: string; threads?: number; state: string }

/** `nacre zk compile MODEL`: from an ONNX file and samples to a container that proofs are made for. */
export async function compile(model: string, options: CompileOptions, output: Output): Promise<number> {
  const { signal } = interruption()
  const source = sourceOf(model, options.state)
  const samples = samplesOf(source, options.samples)
  say(`calibrating on ${samples.rows.length} samples`)
  const imported = await importInThread(source.bytes, samples, signal)
  const layout = layoutOf(imported.graph, 1, 0)
  const costs = costsOf(imported, layout)
  say(`committing to ${weightsOf(imported)} weights`)
  const container = await containerOf(source.name, imported, options.threads)
  await ensureGoing(signal)
  const bytes = encodeModel(container)
  const file = options.out ?? `${source.name}.nzkm`
  writeWhole(file, bytes)
  const key = encodeVerifyingKey(container)
  const keyFile = `${file.replace(/\.nzkm$/, '')}.nzkv`
  writeWhole(keyFile, key)
  const facts = {
    model: toHex(modelIdOf(container)),
    graph: toHex(graphHash(container.graph)),
    file,
    bytes: bytes.length,
    verifying_key: { file: keyFile, bytes: key.length, artifact: sha256(key) },
    nodes: container.graph.nodes.length,
    weights: weightsOf(imported),
    input: { ...container.graph.input, scale: container.scales[0]! },
    ...lossOf(imported, layout),
    ...costs,
    notes: imported.report.notes,
    zero_knowledge: false,
  }
  print(output, source.name, facts)
  output.result(facts)
  return EXIT.ok
}

/** What one input's proof takes, known before a weight is committed to. @throws NacreError model-too-large */
function costsOf({ graph }: Imported, layout: Layout) {
  const memory = ensureProofFits(layout)
  return {
    proof_bytes: layout.proofSize,
    proof_bytes_public_weights: layoutOf(graph, 1, 1).proofSize,
    memory_bytes: memory,
    security_bits: Math.round(100 * securityBits(graph, layout)) / 100,
  }
}

async function containerOf(name: string, imported: Imported, asked?: number): Promise<Container> {
  const { graph, weights, scales } = imported
  const threads = proverThreads(asked, weightsOf(imported))
  const { weightsIds } = await registerWeights(graph, weights, { threads })
  const [root] = weightsIds
  if (root) return { graph, weights, scales, root }
  throw new CliError('bad-file', {
    what: `${name} has no weights`,
    why: 'a model is known by the commitment to its weights',
    fix: 'prove something that was learned',
  })
}

type Loss = {
  samples: number
  max_error: number
  /** Of networks with several outputs. */
  agreement?: number
  accuracy_float?: number
  accuracy_integers?: number
  accuracy_lost?: number
}

function lossOf({ graph, report }: Imported, { tensors }: Layout): Loss {
  const { samples, agreement, accuracyFloat, accuracyInt, maxError } = report
  const isOne = tensors[graph.outputs[0]!]!.dims.every(dim => dim === 1)
  const common = { samples, max_error: maxError, ...(!isOne && { agreement }) }
  if (accuracyFloat === undefined || accuracyInt === undefined) return common
  const lost = accuracyFloat - accuracyInt
  return { ...common, accuracy_float: accuracyFloat, accuracy_integers: accuracyInt, accuracy_lost: lost }
}

type Facts = ReturnType<typeof costsOf> &
  Loss & {
    model: string
    graph: string
    file: string
    bytes: number
    verifying_key: { file: string; bytes: number; artifact: string }
    nodes: number
    weights: number
    input: { dims: number[]; lo: number; hi: number; scale: number }
    notes: string[]
  }

function print(output: Output, name: string, facts: Facts): void {
  const { input, verifying_key: key } = facts
  const lines: [label: string, text: string][] = [
    [name, `${here(facts.file)}, ${kilobytes(facts.bytes)}`],
    ['key', `${here(key.file)}, ${kilobytes(key.bytes)}: what a verifier needs, without weights`],
    ['model', facts.model],
    ['graph', `${facts.graph}, ${facts.nodes} nodes, ${facts.weights} weights`],
    [
      'input',
      `${input.dims.join(' × ')} integers from ${input.lo} to ${input.hi}; 1 stands for ${input.scale}`,
    ],
    ['lost', lossText(facts)],
    [
      'proof',
      `${kilobytes(facts.proof_bytes)} for one input, ${kilobytes(facts.proof_bytes_public_weights)} with public weights; ` +
        `made in ${Math.ceil(facts.memory_bytes / 1e6)} MB of memory`,
    ],
    ['security', `${facts.security_bits} bits`],
    ...facts.notes.map((note): [string, string] => ['note', note]),
  ]
  for (const [label, text] of lines) output.line(`${label.padEnd(10)} ${plain(text)}`)
  warnNotHiding(output)
}

function lossText({ samples, max_error, agreement, ...loss }: Loss): string {
  const { accuracy_float: float, accuracy_integers: integers } = loss
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`
  const parts: string[] = []
  if (float !== undefined && integers !== undefined)
    parts.push(
      `${(100 * (float - integers)).toFixed(1)} points: right are ${percent(float)} in floats, ${percent(integers)} in integers`,
    )
  if (agreement !== undefined) parts.push(`the largest output is the same one for ${percent(agreement)}`)
  parts.push(`outputs differ by ${Number(max_error.toPrecision(3))} at most`)
  return `${parts.join('; ')}; on ${samples} samples`
}

function weightsOf({ weights }: Pick<Imported, 'weights'>): number {
  return weights.reduce((total, { length }) => total + length, 0)
}
