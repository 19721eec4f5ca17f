import { type Anvil, startAnvil } from '@nacre/host'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { compile, type Edit } from './compile.ts'
import { deployAll, setCode, verdictOf } from './contract.ts'
import { proveAgain } from './forge.ts'
import { decodeStatement, type Hint, type Statement } from './hint.ts'
import { MUTANTS } from './mutants/index.ts'
import { STUBS } from './mutants/modulus.ts'
import type { Mutant } from './mutants/mutant.ts'
import { isSignature } from './oracle.ts'

/** Each check of P384.sol is removed alone, and what it keeps out gets in. */
const wanted = process.env.MUTANT
const chosen = MUTANTS.filter(({ check }) => !wanted || check.includes(wanted))

let chain: Anvil
let addresses: Awaited<ReturnType<typeof deployAll>>

beforeAll(async () => {
  const settings = new Map(chosen.map(mutant => [settingOf(mutant), mutant.setting?.edits ?? []]))
  const mutants = chosen.map((mutant): [string, readonly Edit[]] => [
    mutant.check,
    [...(mutant.setting?.edits ?? []), ...mutant.edits],
  ])
  chain = await startAnvil()
  for (const { address, code } of Object.values(STUBS)) await setCode(chain.rpcUrl, address, code)
  addresses = await deployAll(chain.rpcUrl, compile(Object.fromEntries([...settings, ...mutants])))
})

afterAll(() => chain?.stop())

test.each(chosen.map((mutant): [string, Mutant] => [`${mutant.step}: ${mutant.check}`, mutant]))(
  'without the check of step %s',
  async (_, mutant) => {
    const { statement, hint } = mutant.attack()
    const verdict = (name: string) => verdictOf(chain.rpcUrl, addresses.get(name)!, statement, hint)
    const original = await verdict(settingOf(mutant))
    if (mutant.original === 'refused') expect(original).not.toBe('accepted')
    else expect(original).toBe(mutant.original)
    expect(await verdict(mutant.check)).toBe(mutant.mutant ?? 'accepted')
    // a hint that only lost its prime M is proved again for the original, which then sees what is false
    if (mutant.kind === 'forgery' && mutant.original === 'ModulusNotPrime' && !mutant.setting)
      expect(await provedAgain(statement as Statement, hint as Hint)).toBe('NotProven')
    const holds =
      statement instanceof Uint8Array ? isSignature(decodeStatement(statement)) : isSignature(statement)
    if (mutant.kind === 'forgery') expect(holds).toBe(false)
    if (mutant.kind === 'encoding' || mutant.kind === 'completeness') expect(holds).toBe(true)
  },
)

const provedAgain = (statement: Statement, hint: Hint): Promise<string> =>
  verdictOf(chain.rpcUrl, addresses.get('original')!, statement, proveAgain(statement, hint))

/** The original of a mutant: P384.sol itself, or with the mutant's setting. */
const settingOf = ({ setting }: Mutant): string => (setting ? `original: ${setting.why}` : 'original')
