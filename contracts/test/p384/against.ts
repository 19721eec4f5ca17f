import { type Anvil, startAnvil } from '@nacre/host'
import { afterAll, beforeAll, expect } from 'vitest'
import { compile } from './compile.ts'
import { type Call, deployAll, gasOf, verdictsOf } from './contract.ts'
import { decodeStatement, encodeHint, encodeStatement } from './hint.ts'
import { isSignature, judge } from './oracle.ts'

/** The real contract on a chain of the test file's own. It must say what the oracle says, and never yes to a lie. */
export type Case = Call & { name: string }

const BATCH = 50

let chain: Anvil
let address: `0x${string}`

/** Called once at the top of a test file. */
export function startContract(): void {
  beforeAll(async () => {
    chain = await startAnvil({ args: ['--no-request-size-limit'] })
    address = (await deployAll(chain.rpcUrl, compile({ P384: [] }))).get('P384')!
  })
  afterAll(() => chain?.stop())
}

/** Verdicts by name, after each was compared with the oracle's and with plain ECDSA. */
export async function verdicts(cases: Case[]): Promise<Record<string, string>> {
  const found: string[] = []
  for (let i = 0; i < cases.length; i += BATCH)
    found.push(...(await verdictsOf(chain.rpcUrl, address, cases.slice(i, i + BATCH))))
  const wrong = cases.flatMap(({ name, statement, hint }, i) => {
    const statementBytes = statement instanceof Uint8Array ? statement : encodeStatement(statement)
    const verdict = judge(statementBytes, hint instanceof Uint8Array ? hint : encodeHint(hint))
    const truth = statementBytes.length === 240 && isSignature(decodeStatement(statementBytes))
    const lie = found[i] === 'accepted' && !truth
    return found[i] === verdict && !lie ? [] : [{ name, contract: found[i], oracle: verdict, truth }]
  })
  expect(wrong).toEqual([])
  return Object.fromEntries(cases.map(({ name }, i) => [name, found[i]!]))
}

/** All of them end in one way. */
export async function expectAll(verdict: string, cases: Case[]): Promise<void> {
  expect(cases.length).toBeGreaterThan(0)
  expect(await verdicts(cases)).toEqual(Object.fromEntries(cases.map(({ name }) => [name, verdict])))
}

export const gasOfCall = (call: Call): Promise<number> => gasOf(chain.rpcUrl, address, call)
