import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { type InferenceResult, LEAST_RATIO, type ModelFigures } from '../bench/inference.ts'
import type { Nitro } from '../bench/nitro.ts'
import type { Qemu } from '../bench/qemu.ts'
import type { Pairs } from '../bench/receipts.ts'
import { isSound, type RelayResult } from '../bench/relay.ts'
import { growthSvg } from '../bench/zkml/growthPlot.ts'
import { readmeSentences, readmeTable } from '../bench/zkml/readme.ts'
import { missed } from '../bench/zkml/targets.ts'
import type { ZkmlResult } from '../bench/zkml/zkml.ts'

const ROOT = join(import.meta.dirname, '..')
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')
const pages = globSync('**/*.md', {
  cwd: ROOT,
  exclude: path => /node_modules|dist|\.nacre|contracts\/out/.test(path),
})

test.each(pages)('%s: every link to a file leads somewhere', page => {
  const links = [...read(page).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)].map(match => match[1]!)
  const files = links.filter(link => !/^[a-z]+:/.test(link))
  const missing = files.filter(link => !existsSync(join(ROOT, dirname(page), link)))
  expect(missing).toEqual([])
})

test('the contract in README is one that compiles', () => {
  const shown = /```solidity\n([\s\S]*?)```/.exec(read('README.md'))?.[1]
  const source = read('contracts/test/examples/Digit.sol')
  expect(source.slice(source.indexOf('contract Digit'))).toBe(shown)
})

test('every npm script that the documents name exists', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  const named = pages.flatMap(page => [...read(page).matchAll(/`npm run ([a-z:]+)/g)].map(match => match[1]!))
  expect(named.filter(name => !(name in scripts))).toEqual([])
})

test('every path that ARCHITECTURE.md names exists', () => {
  const named = [
    ...read('ARCHITECTURE.md').matchAll(
      /`((?:contracts|verify|enclave|host|sdk|cli|proofs|models|vectors)\/[\w./-]+)`/g,
    ),
  ]
  const paths = named.map(match => match[1]!).filter(path => !path.includes('/x.ts'))
  expect(paths.filter(path => !existsSync(join(ROOT, path)))).toEqual([])
})

test('figures in README of many requests and of receipts are those of bench/results, and sound', () => {
  const readme = read('README.md')
  const run = (name: string) => JSON.parse(read(`bench/results/${name}.json`)) as RelayResult
  const [relay, killed] = [run('relay'), run('relay-kill')]
  for (const result of [relay, killed]) {
    expect(result).toMatchObject({ requests: 1000, operators: 3 })
    expect(isSound(result)).toBe(true)
  }
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`
  const { per_second, p50_ms, p99_ms } = relay
  expect(readme).toContain(
    `are answered at ${per_second.toFixed(0)} a second, in ${seconds(p50_ms)} at the median and ${seconds(p99_ms)} at`,
  )
  expect(killed.refunded).toBe(0)
  expect(readme).toContain(`killed meanwhile (${killed.killed} of them)`)
  const receipts = JSON.parse(read('bench/results/receipts.json')) as Record<'noble' | 'libsecp256k1', Pairs>
  const { noble, libsecp256k1 } = receipts
  for (const { median, target } of [noble, libsecp256k1]) expect(median).toBeGreaterThanOrEqual(target)
  const rates = [noble, libsecp256k1].map(({ median }) => median.toLocaleString('en-US'))
  expect(readme).toContain(`${rates[0]} a second with noble, ${rates[1]} with libsecp256k1`)
})

test('figures in README of evidence are those of bench/results, within their targets', () => {
  type Evidence = { target_ms: number; cpu: { ours_node_crypto: { median_ms: number } } }
  const results = JSON.parse(read('bench/results/attestation.json')) as Record<
    'nitro' | 'snp' | 'tdx',
    Evidence
  >
  const [nitro, snp, tdx] = [results.nitro, results.snp, results.tdx].map(({ target_ms, cpu }) => {
    expect(cpu.ours_node_crypto.median_ms).toBeLessThanOrEqual(target_ms)
    return `${cpu.ours_node_crypto.median_ms.toFixed(1)} ms`
  })
  expect(read('README.md')).toContain(
    `a Nitro document ${nitro}, a SEV-SNP report ${snp}, a TDX quote with its collateral ${tdx}`,
  )
})

test('figures in README of Nitro on chain are those of bench/results and of the snapshots, within their targets', () => {
  const { gas, target_gas: targets, hint } = JSON.parse(read('bench/results/nitro.json')) as Nitro
  const snapshots = JSON.parse(read('contracts/snapshots/nitro.json')) as Record<string, string>
  const [warm, leaf, cold] = (['nitro-warm', 'nitro-new-leaf', 'nitro-cold'] as const).map(name => {
    expect(gas[name]).toBe(Number(snapshots[name]))
    expect(gas[name]).toBeLessThanOrEqual(targets[name])
    return gas[name].toLocaleString('en-US')
  })
  expect(hint.max_ms).toBeLessThanOrEqual(hint.target_ms)
  const readme = read('README.md')
  expect(readme).toContain(
    `${warm} with its certificates cached, ${leaf} with a new leaf certificate, ${cold} with none cached`,
  )
  expect(readme).toContain(`The hint of a signature takes ${hint.median_ms.toFixed(0)} ms`)
})

test('figures in README of enclaves that are machines are those of bench/results, within their target', () => {
  const result = JSON.parse(read('bench/results/qemu.json')) as Qemu
  const { kvm, qemu, simulated, ratio, release, target_first_answer_ms: target } = result
  // The target is of machines that are translated.
  expect(kvm).toBe(false)
  expect(qemu.first_answer_ms.max).toBeLessThanOrEqual(target)
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`
  const { median, max } = qemu.first_answer_ms
  const readme = read('README.md')
  for (const text of [
    `first attested answer ${seconds(median)} after its launch (${seconds(max)} at most, the target is ${target / 1000} s), as a process ${seconds(simulated.first_answer_ms.median)}`,
    `an answer takes ${qemu.infer_ms.toFixed(0)} ms and one with fresh evidence ${qemu.infer_with_evidence_ms.toFixed(0)} ms, ${ratio.infer} and ${ratio.infer_with_evidence} times as long`,
    `at ${qemu.artifact_mb_per_s} MB/s, and ${qemu.memory_mb.toLocaleString('en-US')} MB are in memory, ${ratio.memory} times as much`,
    `release of ${(release.bytes / 1e6).toFixed(0)} MB is built in ${seconds(release.build_ms)} and measured in ${seconds(release.measure_ms)}`,
  ])
    expect(readme).toContain(text)
})

test('figures in README of language models are those of bench/results, within their targets', () => {
  const { models, article } = JSON.parse(read('bench/results/inference.json')) as InferenceResult
  const [small, large] = [models['gpt2-xl-q4_0']!, models['gpt2-xl-q8_0']!]
  for (const { ratio, whole, target_tokens_per_second: target } of [small, large]) {
    expect(ratio).toBeGreaterThanOrEqual(LEAST_RATIO)
    expect(whole.tokens_per_second).toBeGreaterThanOrEqual(target!)
  }
  const together = ({ sequences }: ModelFigures) => sequences[4]!.generating
  const times = (one: ModelFigures) => (together(one) / one.sequences[1]!.generating).toFixed(1)
  const memory = ({ whole }: ModelFigures) => whole.rss_mb.toLocaleString('en-US')
  const readme = read('README.md')
  for (const text of [
    `makes ${small.whole.tokens_per_second} tokens a second in q4_0 and ${large.whole.tokens_per_second} in q8_0 (targets 8.6 and 6), ${small.ratio} and ${large.ratio} of the engine alone`,
    `published for GPT2-XL in an enclave of 16 vCPU: ${article.tokens_per_second}`,
    `the first of 50 comes after ${small.whole.first_token_ms} and ${large.whole.first_token_ms} ms; ${memory(small)} and ${memory(large)} MB`,
    `Four at once make ${together(small)} and ${together(large)} together while all generate, ${times(small)} and ${times(large)} times one alone`,
  ])
    expect(readme).toContain(text)
})

test('figures in docs/contracts.md of zk requests are those of the gas snapshots, within their target', () => {
  const gas = JSON.parse(read('contracts/snapshots/zk.json')) as Record<string, number>
  expect(gas['zk.check']).toBeLessThanOrEqual(240_000)
  const page = read('docs/contracts.md')
  for (const [name, value] of Object.entries(gas)) expect(page, name).toContain(value.toLocaleString('en-US'))
})

test('figures in README of TEE and zkML are those of bench/results, within their targets', () => {
  const { rows, growth } = JSON.parse(read('bench/results/teeml-zkml.json')) as ZkmlResult
  expect(missed(rows)).toEqual([])
  const readme = read('README.md')
  for (const text of [...readmeTable(rows), ...readmeSentences(rows, growth)]) expect(readme).toContain(text)
  expect(read('bench/results/teeml-zkml.svg')).toBe(growthSvg(growth))
})

test('figures in README are those of bench/results and of the gas snapshots', () => {
  const readme = read('README.md')
  for (const name of ['ols', 'network', 'lenet']) {
    const result = JSON.parse(read(`bench/results/${name}.json`)) as {
      attested: { median: number }
      relay: { time: { median: number } }
    }
    expect(readme).toContain(`${result.attested.median.toFixed(1)} ms`)
    expect(readme).toContain(`${result.relay.time.median.toFixed(0)} ms`)
  }
  const gas = JSON.parse(read('contracts/snapshots/relay.json')) as Record<string, string>
  const figure = (value: string | undefined) => Number(value).toLocaleString('en-US')
  for (const name of ['steady', 'first use', 'ERC-20 fee', '784-byte digit'])
    expect(readme).toContain(figure(gas[`relay.request+fulfil ${name}`]))
  const attestation = JSON.parse(read('contracts/snapshots/Attestation.json')) as Record<string, string>
  expect(readme).toContain(`Checking one receipt: ${figure(attestation['attestation.checkReceipt'])}`)
  expect(readme).toContain(`registering an enclave: ${figure(attestation['attestation.register'])}`)
  const nitro = JSON.parse(read('contracts/snapshots/nitro.json')) as Record<string, number>
  for (const gas of Object.values(nitro))
    expect(read('docs/contracts.md')).toContain(`${(gas / 1e6).toFixed(2)} million`)
  const batch = figure(
    (JSON.parse(read('contracts/snapshots/balances.json')) as Record<string, string>)[
      'balances.settle a receipt of 64'
    ],
  )
  for (const page of ['README.md', 'docs/contracts.md', 'CHANGELOG.md'])
    expect(read(page), page).toContain(batch)
})
