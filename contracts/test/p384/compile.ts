import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, join } from 'node:path'

/** Compiles variants of P384.sol with the settings of foundry.toml, all in one call of npm's solc. */
const ATTEST = join(import.meta.dirname, '../../src/attest')
const read = (name: string): string => readFileSync(join(ATTEST, name), 'utf8')

/** Exact text of P384.sol, found exactly once, and what stands there instead. */
export type Edit = readonly [find: string, replace: string]

type Output = {
  errors?: { severity: string; formattedMessage: string }[]
  contracts: Record<string, Record<string, { evm: { bytecode: { object: string } } }>>
}

const MULTIPLES = 'P384Multiples.sol'
const INTERFACE = '../interfaces/IP384.sol'

/** Creation bytecode of each variant. */
export function compile(variants: Record<string, readonly Edit[]>): Map<string, `0x${string}`> {
  const names = Object.keys(variants)
  const sources = names.flatMap((name, i) => sourcesOf(`${i}`, name, variants[name]!))
  const shared = [MULTIPLES, INTERFACE].map(file => [basename(file), { content: read(file) }] as const)
  const { contracts } = run(Object.fromEntries([...shared, ...sources]))
  return new Map(names.map((name, i) => [name, `0x${contracts[`${i}/P384.sol`]!.P384!.evm.bytecode.object}`]))
}

/** Variants share the file of multiples unless they change it. */
function sourcesOf(folder: string, name: string, edits: readonly Edit[]): [string, { content: string }][] {
  requireOnce(name, edits)
  const [main, multiples] = ['P384.sol', MULTIPLES].map(read).map(source => applyEdits(source, edits))
  const own = multiples !== read(MULTIPLES)
  const library = own ? `${folder}/${MULTIPLES}` : MULTIPLES
  const content = main!
    .replace(`"./${MULTIPLES}"`, `"${library}"`)
    .replace(`"${INTERFACE}"`, `"${basename(INTERFACE)}"`)
  return [
    [`${folder}/P384.sol`, { content }],
    ...(own ? [[library, { content: multiples! }] as [string, { content: string }]] : []),
  ]
}

/** A text that a mutant replaces and that is not there, or twice, is a mutant that tests nothing. */
function requireOnce(name: string, edits: readonly Edit[]): void {
  for (const [find] of edits) {
    const count = read('P384.sol').split(find).length + read(MULTIPLES).split(find).length - 2
    if (count !== 1) throw new Error(`mutant "${name}": found ${count} times, not once:\n${find}`)
  }
}

function applyEdits(source: string, edits: readonly Edit[]): string {
  return edits.reduce((text, [find, replace]) => text.split(find).join(replace), source)
}

function run(sources: Record<string, { content: string }>): Output {
  const solc = createRequire(import.meta.url)('solc') as { compile(input: string): string }
  const settings = {
    evmVersion: 'osaka',
    optimizer: { enabled: true, runs: 5000 },
    metadata: { bytecodeHash: 'none', appendCBOR: false },
    outputSelection: { '*': { P384: ['evm.bytecode.object'] } },
  }
  const output = JSON.parse(
    solc.compile(JSON.stringify({ language: 'Solidity', sources, settings })),
  ) as Output
  const errors = (output.errors ?? []).filter(({ severity }) => severity === 'error')
  if (errors.length > 0) throw new Error(errors.map(({ formattedMessage }) => formattedMessage).join('\n'))
  return output
}
