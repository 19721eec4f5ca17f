import type { Layout, Mode } from '@nacre/proofs/zk'
import { layoutOf, securityBits } from '@nacre/proofs/zk/graph/layout'
import { modelIdOf } from '@nacre/proofs/zk/graph/model'
import { encodeProofFile } from '@nacre/proofs/zk/graph/proofFile'
import { quantiseInput } from '@nacre/proofs/zk/import'
import {
  ensureProofFits,
  prove as makeProof,
  type RegisteredModel,
  registerWeights,
  type Thread,
} from '@nacre/proofs/zk/prove'
import { equalBytes, toHex } from '@nacre/verify/bytes'
import { interruption } from '../../enclave/interruption.ts'
import { CliError, EXIT } from '../../errors.ts'
import { readRows } from '../../models/rows.ts'
import { type Output, yellow } from '../../output.ts'
import { here, quoted } from '../../shell.ts'
import { badFile, type Container, readContainer, stem, writeWhole } from './files.ts'
import { ensureGoing } from './interrupted.ts'
import { proverThreads } from './threads.ts'
import { kilobytes, millis, printTold, say, type Told, toldOf, warnNotHiding } from './told.ts'

export type ProveOptions = {
  batch?: boolean
  publicWeights?: boolean
  /** The proving key of a Groth16 proof, or that it is the one beside the container. */
  groth16?: string | true
  threads?: number
  out?: string
}

/** `nacre zk prove CONTAINER INPUT`: runs the network on the input's integers and proves what it gives. */
export async function prove(
  path: string,
  text: string,
  options: ProveOptions,
  output: Output,
): Promise<number> {
  const { signal } = interruption()
  const container = readContainer(path)
  const rows = readRows(text)
  checkRows(container, rows, options)
  const { input, clamped } = integersOf(container, rows)
  const mode: Mode = options.publicWeights ? 1 : 0
  const layout = layoutOf(container.graph, rows.length, mode)
  ensureProofFits(layout)
  const { proof, outputs, ...times } = await proveTimed(path, container, {
    input,
    layout,
    threads: options.threads,
    signal,
  })

  const model = modelIdOf(container)
  const bytes = encodeProofFile({ mode, model, batch: rows.length, input, outputs, proof })
  const file = options.out ?? `${stem(path)}.nzks`
  writeWhole(file, bytes)
  const facts: Facts = {
    model: toHex(model),
    batch: rows.length,
    public_weights: mode === 1,
    outputs: container.graph.outputs.map((tensor, i) =>
      toldOf(tensor, outputs[i]!, rows.length, container.scales),
    ),
    clamped,
    ...times,
    proof_bytes: proof.length,
    file,
    file_bytes: bytes.length,
    security_bits: Math.round(100 * securityBits(container.graph, layout)) / 100,
    zero_knowledge: false,
  }
  print(output, path, container, facts)
  output.result(facts)
  return EXIT.ok
}

type Facts = {
  model: string
  batch: number
  public_weights: boolean
  outputs: Told[]
  clamped: number
  register_ms: number
  prove_ms: number
  proof_bytes: number
  file: string
  file_bytes: number
  security_bits: number
  zero_knowledge: false
}

function print(output: Output, path: string, container: Container, facts: Facts): void {
  output.line(`model        ${facts.model}`)
  if (facts.clamped > 0) output.line(yellow(clampedText(container, facts.clamped)))
  for (const one of facts.outputs) printTold(output, 'output', one)
  const weights = facts.public_weights ? 'public' : 'committed'
  output.line(
    `proof        ${kilobytes(facts.proof_bytes)}, ${facts.security_bits} bits, ${weights} weights; made in ${facts.prove_ms} ms, after ${facts.register_ms} ms for the weights`,
  )
  const verify = `nacre zk verify ${quoted(here(path))} ${quoted(here(facts.file))}`
  output.line(`file         ${here(facts.file)}, ${kilobytes(facts.file_bytes)}: ${verify}`)
  warnNotHiding(output)
}

type Run = { input: Int32Array; layout: Layout; threads: number | undefined; signal: AbortSignal }

async function proveTimed(path: string, container: Container, { input, layout, signal, ...asked }: Run) {
  say('committing to the weights')
  const begun = performance.now()
  const committed = container.weights.reduce((total, { length }) => total + length, 0)
  // A leaf takes twice a weight's time.
  const threads = proverThreads(asked.threads, committed + 2 * layout.leaves.total)
  const registered = await registeredModel(path, container, threads)
  const register_ms = millis(begun)
  await ensureGoing(signal)
  const started = performance.now()
  const proven = await makeProof(registered, input, layout.batch, { mode: layout.mode, progress: say })
  await ensureGoing(signal)
  return { ...proven, register_ms, prove_ms: millis(started) }
}

/** With the root that the container says, so that its identity is that of these weights. */
async function registeredModel(
  path: string,
  { graph, weights, root }: Container,
  threads: readonly Thread[],
): Promise<RegisteredModel> {
  const registered = await registerWeights(graph, weights, { threads })
  const [committed] = registered.weightsIds
  if (committed && equalBytes(committed, root)) return registered
  throw badFile(
    `${path} is not the model that it says`,
    'its root is not that of its weights',
    'compile it again: nacre zk compile MODEL',
  )
}

/** @throws CliError bad-input */
export function checkRows(
  { graph }: Container,
  rows: number[][],
  { batch }: Pick<ProveOptions, 'batch'>,
): void {
  const size = graph.input.dims.reduce((product, dim) => product * dim, 1)
  const width = rows[0]!.length
  if (width !== size)
    throw badInput(
      `a row of ${width} numbers does not fit`,
      `the network takes ${size}`,
      'pass as many a row',
    )
  if (rows.length > 1 && !batch)
    throw badInput(
      `the input has ${rows.length} rows`,
      'a proof is of one input, unless it is of a batch',
      'add --batch: one proof of all rows',
    )
}

/** What the proof is about, and how many values the container has no integer for. */
export function integersOf(
  { graph, scales }: Container,
  rows: number[][],
): { input: Int32Array; clamped: number } {
  const values = rows.flat()
  const { lo, hi } = graph.input
  const isOutside = (value: number): boolean => {
    const integer = Math.round(value / scales[0]!)
    return integer < lo || integer > hi
  }
  return { input: quantiseInput(graph, scales[0]!, values), clamped: values.filter(isOutside).length }
}

export function clampedText({ graph, scales }: Container, clamped: number): string {
  const [lo, hi] = [graph.input.lo, graph.input.hi].map(value => Number((value * scales[0]!).toPrecision(6)))
  return `${clamped} values of the input are outside of ${lo} to ${hi}, what the model was calibrated for: the proof is about the nearest that it has.`
}

function badInput(what: string, why: string, fix: string): CliError {
  return new CliError('bad-input', { what, why, fix })
}
