import {
  CASE_KIND,
  type CaseTee,
  decodeCase,
  decodeStatement,
  encodeCase,
  judgeCase,
  keccak256,
  toHex,
  verifierOf,
} from '@nacre/verify'
import { expect, test } from 'vitest'
import { CASE_POLICIES, CASES } from '../../vectors/statements/generate.ts'
import { createRandom, mutate } from './mutate.ts'

const RUNS = process.env.NACRE_LONG === '1' ? 2_000 : 60
const TEES = Object.keys(CASE_KIND) as CaseTee[]

test.each(TEES)('mutated cases of %s throw nothing, and are judged as their verifier judges them', tee => {
  const random = createRandom(CASE_KIND[tee])
  const whole = encodeCase(CASES[tee]())
  const others = TEES.map(name => encodeCase(CASES[name]()))
  const policy = CASE_POLICIES[tee]
  for (let i = 0; i < RUNS; i++) {
    const bytes = mutate(whole, random, random.pick(others))
    const judgement = judgeCase(bytes, policy)
    const found = decoded(bytes)
    if (!found) {
      expect(judgement).toHaveProperty('code')
      continue
    }
    expect(toHex(encodeCase(found))).toBe(toHex(bytes))
    const verdict = verifierOf(found.tee)(found.evidence, found.collateral, found.time, policy)
    if (!('statement' in judgement)) {
      expect(judgement.code).toBe(verdict.code)
      continue
    }
    expect(verdict.ok).toBe(true)
    const { kind, evidenceHash, time } = decodeStatement(judgement.statement)
    const { evidence } = found
    expect([kind, evidenceHash, time]).toEqual([CASE_KIND[found.tee], keccak256(evidence), found.time])
  }
})

function decoded(bytes: Uint8Array): ReturnType<typeof decodeCase> | undefined {
  try {
    return decodeCase(bytes)
  } catch {
    return undefined
  }
}
