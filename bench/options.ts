import { parseArgs } from 'node:util'
import { CASES } from './cases.ts'

export type BenchOptions = {
  name: string | undefined
  json: boolean
  out: string | undefined
  requests: number
  operators: number
  kill: boolean
  seed: number
  keep: boolean
  small: boolean
  threads: number
  rounds: number
}

const MODELS = CASES.map(one => one.name)
const NAMES = [...MODELS, 'relay', 'receipts', 'attestation', 'nitro', 'qemu', 'inference', 'teeml-zkml']

const USAGE = `usage: npm run bench -- [${MODELS.join(' | ')}] [--json] [--out DIR]
       npm run bench -- relay [--requests N] [--operators N] [--kill] [--seed S] [--keep] [--json] [--out DIR]
       npm run bench -- receipts | attestation | nitro | qemu [--json] [--out DIR]
       npm run bench -- inference [--small] [--threads N] [--rounds N] [--json] [--out DIR]
       npm run bench -- teeml-zkml [--small] [--json] [--out DIR]

Without a name, or with that of a model: each model as a bare engine call, as an attested answer and as a relay round
trip; about a minute on an idle machine.
relay: N requests (1000) over N operators (3) of a development network, as many open at once as their stake covers.
The seed (1) decides the questions and, with --kill, which operators are killed and when. Exits with 1 unless every
request ended, once, nobody was slashed and no wei is missing. --keep leaves the network's folder, with its logs.
receipts: receipts signed and verified a second on one core, by noble and by libsecp256k1.
attestation: CPU time of verifying a real Nitro document beside @evervault/wasm-attestation-bindings, a SEV-SNP report,
and a TDX quote with its collateral beside @phala/dcap-qvl, by node:crypto and by noble; and whether that and ours agree
on real quotes. The evidence is not in this repository: NACRE_VECTORS names its folder.
nitro: gas of a Nitro document on chain, from contracts/snapshots, beside published figures of others, and the time that
the hint of a signature takes.
qemu: builds the release of the onnx engine, and launches it as a process and as a machine, five times each in turn: time
to the first attested answer, answers when warm, an artifact's way in, memory. Needs QEMU. Exits with 1 when without KVM
a machine's first answer took longer than 20 seconds.
inference: a language model of GPT-2 XL's shape, seeded, q4_0 and q8_0: tokens a second by the official client, over TLS into
an enclave, each answer with its receipt, beside the engine alone, by turns; time to the first token, 1, 4 and 8 at once,
memory. Its files, 0.9 and 1.7 GB, are written once to ~/.cache/nacre/bench. --small is a tiny one, to try it. --threads are the
engine's (2), --rounds of each path (5). Exits with 1 when less than 0.95 of the engine's speed is left. Figures of a machine that does
other things say little: the part of the processor that was free is printed, and a warning under 90 %.
teeml-zkml: the article's benchmark: Iris by least squares, Iris 4-16-3 with 500 inputs, LeNet-5, a network of a million
parameters and a transformer block, each by the engine alone, in an attested enclave (SIMULATED), by the transparent
prover and by Groth16, each in a process of its own; then perceptrons of growing size, which DIR/teeml-zkml.svg plots.
Some minutes. Exits with 1 when a target is missed. --small is the Iris models alone.

Writes DIR/<name>.json (bench/results; <name>-small.json with --small, relay-kill.json with --kill, relay-NxN.json for other numbers of requests and
operators). With --json the last line of standard output is one JSON object, and everything else goes to standard
error. Ctrl-C stops everything.`

const OPTIONS = {
  json: { type: 'boolean', default: false },
  out: { type: 'string' },
  requests: { type: 'string', default: '1000' },
  operators: { type: 'string', default: '3' },
  kill: { type: 'boolean', default: false },
  seed: { type: 'string', default: '1' },
  keep: { type: 'boolean', default: false },
  small: { type: 'boolean', default: false },
  threads: { type: 'string', default: '2' },
  rounds: { type: 'string', default: '5' },
  help: { type: 'boolean', short: 'h' },
} as const

/** Prints the usage, and ends, when it is asked for or the arguments are not usable. */
export function readOptions(): BenchOptions {
  try {
    const { values, positionals } = parseArgs({ options: OPTIONS, allowPositionals: true })
    if (values.help) {
      console.log(USAGE)
      process.exit(0)
    }
    const [name, ...others] = positionals
    if (others.length > 0) throw new Error(`one name, not also ${others.join(' ')}`)
    if (name !== undefined && !NAMES.includes(name)) throw new Error(`there is no benchmark ${name}`)
    return {
      name,
      json: values.json,
      out: values.out,
      requests: integer('requests', values.requests, 1, 1_000_000),
      operators: integer('operators', values.operators, 1, 8),
      kill: values.kill,
      seed: integer('seed', values.seed, 0, 2 ** 32),
      keep: values.keep,
      small: values.small,
      threads: integer('threads', values.threads, 1, 64),
      rounds: integer('rounds', values.rounds, 1, 100),
    }
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`)
    process.exit(2)
  }
}

function integer(name: string, text: string, least: number, most: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= least && value <= most) return value
  throw new Error(`--${name} is ${text}: a whole number from ${least} to ${most}`)
}
