/**
 * Speaks the two parts of native solc's command line that forge uses, `--version` and `--standard-json`, with npm's
 * WebAssembly build. Nothing is read from disk: forge sends every source inside the standard JSON.
 *
 * forge names a library's file by its relative path where a contract imports it, but by its absolute path where the
 * library itself does. Here all names become relative to the base path, and the absolute ones come back in the output.
 * So imports resolve, and the bytecode does not depend on where the repository lies.
 */
import { createRequire } from 'node:module'
import { isAbsolute, relative } from 'node:path'
import { buffer } from 'node:stream/consumers'

type Named = Record<string, unknown>
type Input = { sources: Named; settings: { outputSelection: Named } }
type Output = { sources?: Named; contracts?: Named; errors?: { sourceLocation?: { file: string } }[] }

const load = createRequire(import.meta.url)

async function main(args: string[]): Promise<string> {
  if (args.includes('--version'))
    return `solc, the solidity compiler commandline interface\nVersion: ${version()}\n`
  if (!args.includes('--standard-json'))
    throw new Error(`scripts/solc understands --version and --standard-json only, not: ${args.join(' ')}`)

  const input = JSON.parse((await buffer(process.stdin)).toString('utf8')) as Input
  const base = args[args.indexOf('--base-path') + 1]!
  return JSON.stringify(compile(input, base))
}

/** Read from the package: loading the compiler to ask it takes most of a second, and forge asks every time. */
function version(): string {
  return `${(load('solc/package.json') as { version: string }).version}+npm.Linux.g++`
}

function compile(input: Input, base: string): Output {
  const absolute = new Map(
    Object.keys(input.sources)
      .filter(isAbsolute)
      .map(name => [relative(base, name), name]),
  )
  const toRelative = (name: string) => (isAbsolute(name) ? relative(base, name) : name)
  const toAbsolute = (name: string) => absolute.get(name) ?? name

  input.sources = rename(input.sources, toRelative)
  input.settings.outputSelection = rename(input.settings.outputSelection, toRelative)
  const solc = load('solc') as { compile(input: string): string }
  const output = JSON.parse(solc.compile(JSON.stringify(input))) as Output

  if (output.sources) output.sources = rename(output.sources, toAbsolute)
  if (output.contracts) output.contracts = rename(output.contracts, toAbsolute)
  for (const { sourceLocation } of output.errors ?? [])
    if (sourceLocation) sourceLocation.file = toAbsolute(sourceLocation.file)
  return output
}

function rename(named: Named, change: (name: string) => string): Named {
  return Object.fromEntries(Object.entries(named).map(([name, value]) => [change(name), value]))
}

// No process.exit here: standard output may be a pipe that takes megabytes in many steps.
process.stdout.write(await main(process.argv.slice(2)))
