/**
 * Mutates real and mock evidence, and the collateral of some of it, and looks for verifiers that throw or accept it.
 *
 *     npx node test/fuzz/evidence.ts [--cases N] [--seed N]
 *
 * The last line is JSON: `{seed, cases, sources, codes, accepted, failures}`. The exit code is 1 if there are failures.
 * Run it with --max-old-space-size to bound its memory. A seed that found something is kept in `evidence.test.ts`.
 */
import { parseArgs } from 'node:util'
import { type CollateralFiles, equalBytes, type Tee, toHex, type Verdict, verifierOf } from '@nacre/verify'
import { nodeCrypto } from '../../cli/src/nodeCrypto.ts'
import { createRandom, mutate, type Random } from './mutate.ts'
import { readSources, type Source } from './sources.ts'

/** `accepted` counts mutations that are valid and say the same, such as white space in PEM: no signature covers it. */
export type FuzzResult = {
  seed: number
  cases: number
  sources: number
  codes: Record<string, number>
  accepted: number
  failures: string[]
}

const MAX_FAILURES = 10
/** Of these every byte counts; elsewhere there is PEM or JSON, which can be written in several ways. */
const STRICT: readonly Tee[] = ['nitro', 'simulated', 'snp', 'nvidia']

export function fuzz(cases: number, seed: number): FuzzResult {
  const random = createRandom(seed)
  const sources = readSources()
  const originals = new Map(
    sources.map(source => [source, said(verify(source, source.evidence, source.collateral))]),
  )
  const result: FuzzResult = { seed, cases, sources: sources.length, codes: {}, accepted: 0, failures: [] }
  for (let at = 0; at < cases && result.failures.length < MAX_FAILURES; at++) {
    const source = random.pick(sources)
    const told = tryCase(source, mutateSource(source, sources, random), originals.get(source) as string)
    if (told.failure) result.failures.push(`case ${at}, ${source.name}: ${told.failure}`)
    if (told.code === 'ok') result.accepted++
    result.codes[told.code] = (result.codes[told.code] ?? 0) + 1
  }
  return result
}

type Mutated = { evidence: Uint8Array; collateral: CollateralFiles }

/** Every fourth case with collateral has one of its files mutated, and not the evidence. */
function mutateSource(source: Source, sources: Source[], random: Random): Mutated {
  const { evidence, collateral } = source
  const other = random.pick(sources).evidence
  const names = [...collateral.keys()]
  if (names.length === 0 || source.tee === 'nitro' || random.below(4) > 0)
    return { evidence: mutate(evidence, random, other), collateral }
  const name = random.pick(names)
  const file = mutate(collateral.get(name) as Uint8Array, random, other)
  return { evidence, collateral: new Map([...collateral, [name, file]]) }
}

function tryCase(
  source: Source,
  { evidence, collateral }: Mutated,
  original: string,
): { code: string; failure?: string } {
  try {
    const verdict = verify(source, evidence, collateral)
    const consistent = verdict.ok === (verdict.code === 'ok') && verdict.checks.length > 0
    if (!consistent) return { code: verdict.code, failure: 'ok and code disagree' }
    if (verdict.ok && said(verdict) !== original)
      return { code: 'ok', failure: `accepted as ${said(verdict)}` }
    if (verdict.ok && STRICT.includes(source.tee) && !equalBytes(evidence, source.evidence))
      return { code: 'ok', failure: `accepted with other bytes: ${toHex(evidence)}` }
    return { code: verdict.code }
  } catch (error) {
    return { code: 'thrown', failure: error instanceof Error ? `threw ${error.stack}` : String(error) }
  }
}

function verify({ tee, time, policy }: Source, evidence: Uint8Array, collateral: CollateralFiles): Verdict {
  return verifierOf(tee)(evidence, collateral, time, policy, nodeCrypto)
}

/** All that evidence says: what is accepted must say what the original says. */
function said({ ok, tee, measurements, reportData, tcb, debug, platform }: Verdict): string {
  return JSON.stringify({ ok, tee, measurements, reportData, tcb, debug, platform })
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { cases: { type: 'string' }, seed: { type: 'string' } } })
  const result = fuzz(Number(values.cases ?? 5000), Number(values.seed ?? Date.now() % 2 ** 31))
  console.log(JSON.stringify(result))
  process.exitCode = result.failures.length > 0 ? 1 : 0
}
