import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createLanguageEngine } from '../enclave/src/llama/engine.ts'
import { hasAvx512 } from '../enclave/test/avx512.ts'
import { type LanguageEnclave, startLanguageEnclave } from '../enclave/test/languageEnclave.ts'
import { type BenchModel, benchModel } from './benchModel.ts'
import { alone, type Generated, type Path, through } from './inferencePaths.ts'
import { descendants, shareOf, usageOf } from './processes.ts'
import { percentile } from './stats.ts'

/** What a path gave, medians of the rounds. */
export type Figures = {
  tokens_per_second: number
  slowest_round: number
  first_token_ms: number
  /** Part of the time that its threads wanted to run and did. */
  cpu_share: number
  rss_mb: number
}

export type InferenceResult = {
  prompt_tokens: number
  generated_tokens: number
  threads: number
  rounds: number
  models: Record<string, ModelFigures>
  article: { tokens_per_second: number; machine: string; what: string }
}

export type ModelFigures = {
  /** The image, which has the library for this processor. */
  image: string
  artifact: string
  size_mb: number
  engine: Figures
  whole: Figures
  /** Of the medians: what is left of the engine's speed with TLS, enclave and receipt. */
  ratio: number
  target_tokens_per_second: number | undefined
  /** Of so many at once, together, by the whole path. */
  sequences: Record<string, Together>
}

export type Together = {
  /** Tokens a second from the first request to the last answer, prompts included. */
  whole: number
  /** Tokens a second once all have their first: what continuous batching is for. */
  generating: number
}

/** Published for GPT2-XL in an enclave of 16 vCPU. */
const ARTICLE = { tokens_per_second: 4.3, machine: '16 vCPU', what: 'GPT2-XL in an enclave, as published' }
/** Of the large shape, on two cores that nothing else uses. */
const TARGETS: Readonly<Record<string, number>> = { 'gpt2-xl-q4_0': 8.6, 'gpt2-xl-q8_0': 6 }
export const LEAST_RATIO = 0.95
export const LEAST_SHARE = 0.9
const SEQUENCES = 8

export type InferenceOptions = { small: boolean; threads: number; rounds: number }

/**
 * A model of GPT-2 XL's shape by the whole path (the official client, TLS that ends in the enclave, sealed bodies, a receipt for
 * every answer, verified) and by the engine alone, in turn, in one run: the same prompt of 16 tokens, 50 generated.
 */
export async function benchInference(
  options: InferenceOptions,
  say: (text: string) => void,
): Promise<InferenceResult> {
  const models: Record<string, ModelFigures> = {}
  for (const type of ['q4_0', 'q8_0'] as const) {
    const model = await benchModel(type, options.small, say)
    models[model.name] = await benchOne(model, options, say)
  }
  const { threads, rounds } = options
  return { prompt_tokens: 16, generated_tokens: 50, threads, rounds, models, article: ARTICLE }
}

async function benchOne(
  model: BenchModel,
  { threads, rounds }: InferenceOptions,
  say: (text: string) => void,
): Promise<ModelFigures> {
  const limits = { sequences: SEQUENCES, contextSize: 256, threads, queue: SEQUENCES }
  say(`${model.name}: starting the enclave and the engine`)
  const before = new Set(descendants())
  const image = hasAvx512() ? 'llama-avx512' : 'llama'
  const enclave = await startLanguageEnclave(limits, { image })
  // The image's own program, as the enclave starts it.
  const engine = createLanguageEngine(limits, join(enclave.imageDir, 'app/enclave.mjs'))
  const memory = await mkdtemp('/dev/shm/nacre-bench-')
  try {
    await prepare(enclave, model)
    const inEnclave = descendants().filter(pid => !before.has(pid))
    // The enclave's file is in memory, too: pages of a disk's cache come and go.
    await copyFile(model.file, join(memory, 'model.gguf'))
    await engine.load(model.artifact, join(memory, 'model.gguf'))
    const inEngine = descendants().filter(pid => !before.has(pid) && !inEnclave.includes(pid))
    const whole = await through(enclave, model.name, model.artifact)
    const paths = { engine: alone(engine, model.artifact), whole }
    const pids = { engine: inEngine, whole: inEnclave }
    const figures = await inTurn(paths, pids, rounds, text => say(`${model.name}: ${text}`))
    const sequences: Record<string, Together> = {}
    for (const count of [1, 4, SEQUENCES]) sequences[count] = await together(whole, count)
    return {
      image,
      artifact: model.artifact,
      size_mb: Math.round(model.size / 1e6),
      ...figures,
      ratio: round(figures.whole.tokens_per_second / figures.engine.tokens_per_second, 3),
      target_tokens_per_second: TARGETS[model.name],
      sequences,
    }
  } finally {
    engine.close()
    await enclave.close()
    await rm(memory, { recursive: true, force: true })
  }
}

async function prepare(
  { client }: LanguageEnclave,
  { name, artifact, file, size }: BenchModel,
): Promise<void> {
  await client.loadModel({ id: name, artifact, file, size })
  await client.setTerms({
    anchor: { number: 1n, hash: `0x${'01'.repeat(32)}` },
    prices: { token: `0x${'00'.repeat(20)}`, prompt: '1', completion: '2' },
  })
}

type Name = 'engine' | 'whole'

/** A round of each that counts for nothing, then `rounds` of each by turns: what disturbs one disturbs the other. */
async function inTurn(
  paths: Record<Name, Path>,
  pids: Record<Name, number[]>,
  rounds: number,
  say: (text: string) => void,
): Promise<Record<Name, Figures>> {
  const seen: Record<Name, (Generated & { share: number; rss: number })[]> = { engine: [], whole: [] }
  for (let i = 0; i <= rounds; i++)
    for (const name of ['engine', 'whole'] as const) {
      const before = usageOf(pids[name])
      const generated = await paths[name](i)
      const after = usageOf(pids[name])
      const share = shareOf(before, after)
      say(
        `${name} ${rate(generated).toFixed(2)} tokens a second, ${(100 * share).toFixed(0)} % of the processor`,
      )
      if (i > 0) seen[name].push({ ...generated, share, rss: after.rssBytes })
    }
  return { engine: figuresOf(seen.engine), whole: figuresOf(seen.whole) }
}

function figuresOf(rounds: (Generated & { share: number; rss: number })[]): Figures {
  const of = (value: (one: (typeof rounds)[number]) => number) => rounds.map(value)
  return {
    tokens_per_second: round(percentile(of(rate), 0.5), 2),
    slowest_round: round(percentile(of(rate), 0), 2),
    first_token_ms: Math.round(
      percentile(
        of(one => one.firstMs),
        0.5,
      ),
    ),
    cpu_share: round(
      percentile(
        of(one => one.share),
        0.5,
      ),
      3,
    ),
    rss_mb: Math.round(
      percentile(
        of(one => one.rss),
        1,
      ) / 1e6,
    ),
  }
}

async function together(path: Path, count: number): Promise<Together> {
  const started = performance.now()
  const all = await Promise.all(Array.from({ length: count }, (_, i) => path(100 + i)))
  const tokens = all.reduce((sum, one) => sum + one.tokens, 0)
  const ended = Math.max(...all.map(one => one.totalMs))
  const begun = Math.max(...all.map(one => one.firstMs))
  // Of one that began earlier, as many as it made since, at its own speed.
  const since = all.map(one => ((one.tokens - 1) * (one.totalMs - begun)) / (one.totalMs - one.firstMs))
  return {
    whole: round((1000 * tokens) / (performance.now() - started), 2),
    generating: round((1000 * since.reduce((sum, one) => sum + one, 0)) / (ended - begun), 2),
  }
}

function rate({ tokens, totalMs }: Generated): number {
  return (1000 * tokens) / totalMs
}

function round(value: number, digits: number): number {
  return Math.round(value * 10 ** digits) / 10 ** digits
}

/** Lines of a table, with what the figures are worth. */
export function inferenceTable({ models, threads, article }: InferenceResult): string[] {
  const lines = [`${threads} threads; 16 tokens of prompt, 50 generated; tokens a second, of whole requests`]
  for (const [name, { engine, whole, ratio, sequences, target_tokens_per_second: target }] of Object.entries(
    models,
  )) {
    const several = Object.entries(sequences).map(
      ([count, { whole, generating }]) => `${count}: ${whole} (${generating} while all generate)`,
    )
    lines.push(
      `${name}: engine alone ${engine.tokens_per_second}, whole path ${whole.tokens_per_second} (${ratio} of it, at least ${LEAST_RATIO})`,
      `  first token ${whole.first_token_ms} ms; at once ${several.join(', ')}; memory ${whole.rss_mb} MB`,
    )
    if (target)
      lines.push(
        `  at least ${target} on two free cores; ${article.what}: ${article.tokens_per_second} on ${article.machine}`,
      )
    const share = Math.min(engine.cpu_share, whole.cpu_share)
    if (share < LEAST_SHARE)
      lines.push(
        `  WARNING: only ${(100 * share).toFixed(0)} % of the processor was free for it: the figures say little`,
      )
  }
  return lines
}
