/**
 * `npm run bench [-- NAME] [--json]`: each model as a bare engine call, as an attested answer and as a relay round trip, on a
 * development network of its own. Writes bench/results/<name>.json and prints a table beside the article's figures.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { arch, cpus, loadavg, platform, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { table } from '../cli/src/table.ts'
import { freePorts } from '../host/testing/ports.ts'
import { benchAttested } from './attested.ts'
import { CASES, type Case } from './cases.ts'
import { benchChannel } from './channel.ts'
import { benchEngine } from './engine.ts'
import { openNetwork } from './network.ts'
import { benchRelay } from './relay.ts'
import type { Times } from './stats.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

const USAGE = `usage: npm run bench -- [${CASES.map(one => one.name).join(' | ')}] [--json]
Measures each model as a bare engine call, as an attested answer and as a relay round trip; takes about a minute on
an idle machine. Writes bench/results/<name>.json and prints a table; with --json the last line of standard output is
one JSON object {name: result} and everything else goes to standard error.`
const { wanted, json } = readOptions()
const say = (text = ''): void => (json ? console.error(text) : console.log(text))
const cases = CASES.filter(one => wanted === undefined || one.name === wanted)
if (cases.length === 0) {
  console.error(`there is no benchmark ${wanted}\n${USAGE}`)
  process.exit(2)
}

const state = mkdtempSync(join(tmpdir(), 'nacre-bench-'))
const port = await freePorts(2)
say('starting a development network, SIMULATED …')
const dev = spawn(
  process.execPath,
  ['cli/src/main.ts', 'dev', '--operators', '1', '--json', '--state', state, '--port', `${port}`],
  {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  },
)
const log: string[] = []
createInterface({ input: dev.stderr }).on('line', line => log.push(line))
try {
  await ready()
  const network = openNetwork(state)
  const results = []
  for (const one of cases) results.push(await measure(one))
  print(results)
  if (json) console.log(JSON.stringify(Object.fromEntries(results.map(result => [result.name, result]))))

  async function measure(one: Case) {
    say(`${one.name}: engine, attested, relay`)
    const engine = await benchEngine(one)
    const channel = await benchChannel(one)
    const attested = await benchAttested(network, one, channel, engine)
    const relay = await benchRelay(network, one)
    const result = {
      name: one.name,
      title: one.title,
      rows: one.rows,
      engine,
      channel,
      ...attested,
      relay,
      article: one.article,
    }
    save(one.name, result)
    return result
  }
} finally {
  dev.kill('SIGTERM')
  if (dev.exitCode === null && dev.signalCode === null) await once(dev, 'close')
  rmSync(state, { recursive: true, force: true })
}

async function ready(): Promise<void> {
  const line = once(createInterface({ input: dev.stdout }), 'line')
  const died = once(dev, 'close').then(() =>
    Promise.reject(new Error(`nacre dev failed:\n${log.join('\n')}`)),
  )
  await Promise.race([line, died])
  died.catch(() => {})
}

function readOptions(): { wanted: string | undefined; json: boolean } {
  try {
    const options = { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const
    const { values, positionals } = parseArgs({ options, allowPositionals: true })
    if (values.help) {
      console.log(USAGE)
      process.exit(0)
    }
    return { wanted: positionals[0], json: values.json ?? false }
  } catch (error) {
    console.error(`${(error as Error).message}\n${USAGE}`)
    process.exit(2)
  }
}

function save(name: string, result: object): void {
  const versions = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages
  const version = (packageName: string, workspace = ''): string =>
    versions[`${workspace}node_modules/${packageName}`]?.version ?? 'unknown'
  const facts = {
    date: new Date().toISOString(),
    machine: {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memory_mb: Math.round(totalmem() / 1e6),
      platform: `${platform()} ${arch()}`,
      load: loadavg().map(load => Math.round(load * 100) / 100),
    },
    versions: {
      node: process.version,
      onnxruntime: version('onnxruntime-node'),
      anvil: version('@foundry-rs/anvil-linux-amd64'),
      noble: version('@noble/curves', 'verify/'),
      libsecp256k1: `tiny-secp256k1 ${version('tiny-secp256k1')}`,
    },
  }
  const dir = join(ROOT, 'bench', 'results')
  mkdirSync(dir, { recursive: true })
  writeFileSync(join(dir, `${name}.json`), `${JSON.stringify({ ...result, ...facts }, undefined, 2)}\n`)
}

function print(results: Row[]): void {
  const ms = ({ median, p90 }: Times): string => `${median.toFixed(2)} / ${p90.toFixed(2)}`
  const header = [
    'model',
    'engine',
    'attested',
    '× engine',
    'verify noble',
    'verify node',
    'sign',
    'evidence',
    'receipt',
    'relay',
    'gas',
    'article',
  ]
  const rows = results.map(one => [
    `${one.name} (${one.rows})`,
    ms(one.engine),
    ms(one.attested),
    (one.attested.median / one.engine.median).toFixed(0),
    ms(one.verify.noble),
    ms(one.verify.node),
    `${one.receiptShare.sign.toFixed(2)} ms`,
    `${one.receiptShare.evidence.toFixed(2)} ms`,
    `${one.receiptShare.percent} %`,
    ms(one.relay.time),
    `${one.relay.gasRequest} + ${one.relay.gasFulfil}`,
    `${one.article * 1000} ms`,
  ])
  say()
  for (const line of table(header, rows)) say(line)
  say(
    '\nTimes in ms, median / 90th percentile. attested: HTTP on loopback to the operator, fresh nonce and fresh',
  )
  say(
    'SIMULATED evidence for each answer, the receipt verified here by OpenSSL and libsecp256k1, no verdict kept.',
  )
  say('sign (with hashes), evidence, verify node: medians; receipt: their share of the attested answer.')
  say('article: the article’s figure for its TEE, on its own machines; another model of the same kind.')
  say(
    `Targets: attested ≤ 10 ms, relay ≤ 150 ms at the median. Load of this machine: ${loadavg()[0]?.toFixed(1)}.`,
  )
}

type Row = {
  name: string
  rows: number
  engine: Times
  attested: Times
  verify: { noble: Times; node: Times }
  receiptShare: { percent: number; sign: number; evidence: number }
  relay: { time: Times; gasRequest: number; gasFulfil: number }
  article: number
}
