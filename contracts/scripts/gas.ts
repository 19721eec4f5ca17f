/**
 * Measures the gas of the scenarios in `test/Gas*.t.sol`, each call an isolated transaction, and keeps the figures in
 * `snapshots/*.json`. Prints a table, or with `--json` one object {name: gas} as the last line. `--check` keeps
 * nothing and exits 1 naming the figures that differ from the committed ones.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CONTRACTS, forge } from './forge.ts'

type Gas = Record<string, number>

const KEPT = join(CONTRACTS, 'snapshots')

function main(args: string[]): void {
  const files = measure()
  const gas = flatten(files)
  if (args.includes('--check')) {
    check(flatten(read(KEPT)), gas)
    return
  }
  keep(files)
  if (args.includes('--json')) console.log(JSON.stringify(gas))
  else printTable(gas)
}

/** Figures by file name. */
function measure(): Map<string, Gas> {
  const folder = mkdtempSync(join(tmpdir(), 'nacre-gas-'))
  try {
    forge(['test'], { FOUNDRY_PROFILE: 'gas', FOUNDRY_SNAPSHOTS: folder })
    return read(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function read(folder: string): Map<string, Gas> {
  const files = readdirSync(folder).filter(file => file.endsWith('.json'))
  return new Map(files.sort().map(file => [file, parse(readFileSync(join(folder, file), 'utf8'))]))
}

/** forge writes the figures as decimal strings. */
function parse(text: string): Gas {
  const entries = Object.entries(JSON.parse(text) as Record<string, string | number>)
  return Object.fromEntries(entries.map(([name, gas]) => [name, Number(gas)]))
}

function flatten(files: Map<string, Gas>): Gas {
  const entries = [...files.values()].flatMap(gas => Object.entries(gas))
  const gas = Object.fromEntries(entries)
  if (entries.length === 0) throw new Error('No gas scenario ran: test/Gas*.t.sol is missing or empty.')
  if (Object.keys(gas).length !== entries.length)
    throw new Error('Two gas scenarios have the same name: rename one.')
  return gas
}

function keep(files: Map<string, Gas>): void {
  rmSync(KEPT, { recursive: true, force: true })
  mkdirSync(KEPT)
  for (const [file, gas] of files) writeFileSync(join(KEPT, file), `${JSON.stringify(gas, null, 2)}\n`)
}

function printTable(gas: Gas): void {
  const width = Math.max(...Object.keys(gas).map(name => name.length))
  for (const [name, value] of Object.entries(gas))
    console.log(`${name.padEnd(width)}  ${value.toLocaleString('en').padStart(12)}`)
}

function check(kept: Gas, measured: Gas): void {
  const names = [...new Set([...Object.keys(kept), ...Object.keys(measured)])].sort()
  const differing = names.filter(name => kept[name] !== measured[name])
  if (differing.length === 0) {
    console.log(`${names.length} gas figures equal the committed ones`)
    return
  }
  const lines = differing.map(
    name => `${name}: committed ${kept[name] ?? 'none'}, measured ${measured[name] ?? 'none'}`,
  )
  console.error(
    `Gas differs; run npm run gas and commit contracts/snapshots if it should:\n${lines.join('\n')}`,
  )
  process.exitCode = 1
}

main(process.argv.slice(2))
