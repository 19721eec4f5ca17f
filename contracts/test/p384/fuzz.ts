/**
 * Signatures of random keys, and changed ones, by the contract and by @noble/curves: the two must agree on each.
 *
 *     node contracts/test/p384/fuzz.ts --rpc=URL --address=0x… --from=0 --to=1000
 *
 * Case i is the same in every run, so that a run goes on where another stopped. Progress goes to standard error, the
 * result as JSON to standard output.
 */
import { parseArgs } from 'node:util'
import { proveP384 } from '@nacre/sdk/attest/p384/hint'
import { digestOf, signed } from './cases.ts'
import { verdictsOf } from './contract.ts'
import { mod, N, P } from './curve.ts'
import { proveAgain } from './forge.ts'
import { decodeHint, encodeStatement, type Statement } from './hint.ts'
import { isSignature } from './oracle.ts'

export type FuzzResult = { cases: number; accepted: number; refused: number; failures: string[] }

const BATCH = 25
/** Of eight cases, so many are signatures as they are. */
const TRUE_OF_EIGHT = 5

export async function fuzz(
  chain: { rpcUrl: string; address: `0x${string}` },
  range: { from: number; to: number },
  progress: (done: number) => void = () => {},
): Promise<FuzzResult> {
  const result: FuzzResult = { cases: 0, accepted: 0, refused: 0, failures: [] }
  for (let from = range.from; from < range.to; from += BATCH) {
    const numbers = Array.from({ length: Math.min(BATCH, range.to - from) }, (_, i) => from + i)
    const cases = numbers.map(makeCase)
    const verdicts = await verdictsOf(chain.rpcUrl, chain.address, cases)
    for (const [i, { name, truth, fault }] of cases.entries()) {
      const accepted = verdicts[i] === 'accepted'
      result.cases++
      result[accepted ? 'accepted' : 'refused']++
      if (accepted !== truth || fault)
        result.failures.push(`${name}: ${verdicts[i]}, in truth ${truth} ${fault ?? ''}`)
    }
    progress(result.cases)
  }
  return result
}

function makeCase(i: number) {
  const { statement: original } = signed(`fuzz ${i}`)
  const hint = proveP384(encodeStatement(original))
  const statement = i % 8 < TRUE_OF_EIGHT ? twinOrSame(original, i) : changed(original, i)
  const truth = isSignature(statement)
  const name = `case ${i}`
  if (statement === original) return { name, statement, hint, truth }
  const made = tryProve(statement)
  // what is false is sent with the hint of what was true, its nonce searched again
  const forged = made ?? proveAgain(statement, decodeHint(hint)!)
  const fault = (made !== undefined) === truth ? undefined : 'and the maker of hints disagrees'
  return { name, statement, hint: forged, truth, fault }
}

function twinOrSame(statement: Statement, i: number): Statement {
  return i % 8 === 1 ? { ...statement, s: N - statement.s } : statement
}

function changed(statement: Statement, i: number): Statement {
  const random = digestOf(`changed ${i}`)
  const bit = 1n << (random % 383n)
  const changes: Partial<Statement>[] = [
    { e: statement.e ^ bit },
    { r: mod(statement.r ^ bit, N) },
    { s: mod(statement.s ^ bit, N) },
    { qy: P - statement.qy },
    { r: statement.s, s: statement.r },
    { e: random },
    { s: mod(random, N) },
  ]
  return { ...statement, ...changes[Number((random >> 380n) % 7n)] }
}

function tryProve(statement: Statement): Uint8Array | undefined {
  try {
    return proveP384(encodeStatement(statement))
  } catch {
    return undefined
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rpc: { type: 'string' },
      address: { type: 'string' },
      from: { type: 'string' },
      to: { type: 'string' },
    },
  })
  const range = { from: Number(values.from), to: Number(values.to) }
  const chain = { rpcUrl: values.rpc!, address: values.address as `0x${string}` }
  const result = await fuzz(chain, range, done => {
    if (done % 1000 === 0) process.stderr.write(`${range.from + done} of ${range.from} to ${range.to}\n`)
  })
  process.stdout.write(`${JSON.stringify(result)}\n`)
}

if (import.meta.main) await main()
