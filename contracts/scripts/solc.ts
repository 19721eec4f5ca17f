/**
 * Speaks the two parts of native solc's command line that forge uses, `--version` and `--standard-json`, with npm's
 * WebAssembly build. Imports are not resolved here: forge sends every source inside the standard JSON.
 */
import { createRequire } from 'node:module'
import { buffer } from 'node:stream/consumers'

const load = createRequire(import.meta.url)

async function main(args: string[]): Promise<string> {
  if (args.includes('--version')) return `solc, the solidity compiler commandline interface\nVersion: ${version()}\n`
  if (args.includes('--standard-json')) return compile((await buffer(process.stdin)).toString('utf8'))
  throw new Error(`scripts/solc understands --version and --standard-json only, not: ${args.join(' ')}`)
}

/** Read from the package: loading the compiler to ask it takes most of a second, and forge asks every time. */
function version(): string {
  return `${(load('solc/package.json') as { version: string }).version}+npm.Linux.g++`
}

function compile(input: string): string {
  return (load('solc') as { compile(input: string): string }).compile(input)
}

// No process.exit here: standard output may be a pipe that takes megabytes in many steps.
process.stdout.write(await main(process.argv.slice(2)))
