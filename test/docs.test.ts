import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'

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
      /`((?:contracts|verify|enclave|host|sdk|cli|models|vectors)\/[\w./-]+)`/g,
    ),
  ]
  const paths = named.map(match => match[1]!).filter(path => !path.includes('/x.ts'))
  expect(paths.filter(path => !existsSync(join(ROOT, path)))).toEqual([])
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
  expect(readme).toContain(Number(gas['relay.request+fulfil steady']).toLocaleString('en-US'))
})
