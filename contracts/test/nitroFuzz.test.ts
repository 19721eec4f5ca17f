import type { Hex } from '@nacre/verify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createRandom } from '../../test/fuzz/mutate.ts'
import { hintsOf, type NitroChain, startNitroChain } from './utils/nitro.ts'
import { createCase, type FuzzCase, ISSUED, ROOT, withRootSignature } from './utils/nitroFuzz/cases.ts'
import { callTwice, judge, linksOf } from './utils/nitroFuzz/compare.ts'
import { es384, type Scheme, STAMP_CURVE, STAMP_HASH, stampScheme } from './utils/nitroFuzz/scheme.ts'

/**
 * NitroVerifier against verifyNitro on documents that nobody thought of: one place in a certificate or document is
 * changed, and what stands on it is signed again, so that parsers and rules decide. A case is a number: it is told where
 * they differ, and NACRE_SEED begins with it.
 */
const LONG = process.env.NACRE_LONG === '1'
const CASES = LONG ? 50_000 : 1000
const CASES_P384 = LONG ? 500 : 8
const SEED = Number(process.env.NACRE_SEED ?? 20_261_130)
const NOW = ISSUED + 60n

let chain: NitroChain
type Verifier = { address: Hex; code: Hex }
const verifiers = new Map<Scheme, Verifier>()

beforeAll(async () => {
  chain = await startNitroChain(ISSUED)
  const stamps = { curve: await chain.place(STAMP_CURVE), hasher: await chain.place(STAMP_HASH) }
  for (const scheme of [stampScheme, es384]) {
    const address = await chain.deploy(`0x${ROOT}`, undefined, scheme === es384 ? undefined : stamps)
    const code = await chain.client.getCode({ address })
    verifiers.set(scheme, { address, code: code as Hex })
  }
})
afterAll(() => chain?.stop())

type Told = { accepted: boolean; outcome: string; difference?: string }

async function compare(one: FuzzCase, scheme: Scheme): Promise<Told> {
  const wanted = judge(one, NOW, scheme)
  const { address, code } = verifiers.get(scheme)!
  // Another root is another constant in the code.
  const ofRoot = one.root === ROOT ? undefined : (code.replaceAll(ROOT, one.root) as Hex)
  const hints = hintsIn(one, scheme)
  const [cold, warm] = await callTwice(chain.client, address, one.evidence, hints, NOW, ofRoot)
  const isSame = wanted.accepted
    ? cold.detail === wanted.detail && warm.detail === wanted.detail
    : !cold.accepted && !warm.accepted
  // Hints were right: to refuse them is to have read another document than verifyNitro.
  const isNamed =
    cold.accepted || !/^(no error|Panic|Error|Hint|DocumentHint|CertificateNotCached)/.test(cold.detail)
  const told = { accepted: cold.accepted, outcome: cold.accepted ? 'accepted' : cold.detail }
  if (isSame && isNamed) return told
  const details = [wanted, cold, warm].map(({ detail }) => detail).join(' | ')
  return { ...told, difference: `${scheme.name}, ${one.what}: ${details}` }
}

function hintsIn({ evidence }: FuzzCase, scheme: Scheme): Uint8Array[] {
  const blank = Array.from({ length: linksOf(evidence) + 1 }, () => new Uint8Array(64))
  return scheme === es384 ? (hintsOf(evidence) ?? blank) : blank
}

test(`${CASES} documents with one thing changed: the same verdict, the same measurement, cold and warm`, {
  timeout: LONG ? 3_600_000 : 180_000,
}, async () => {
  const outcomes = new Set<string>()
  const differences: string[] = []
  let accepted = 0
  for (let i = 0; i < CASES && differences.length < 20; i++) {
    const told = await compare(createCase(createRandom(SEED + i), stampScheme), stampScheme)
    outcomes.add(told.outcome)
    if (told.accepted) accepted++
    if (told.difference) differences.push(`case ${SEED + i}, ${told.difference}`)
  }
  expect(differences).toEqual([])
  // Not all for a few reasons, nor hardly any valid.
  expect(accepted).toBeGreaterThan(CASES / 10)
  expect(outcomes.size).toBeGreaterThan(30)
})

test(`${CASES_P384} valid ones and as many others, signed on P-384`, {
  timeout: LONG ? 3_600_000 : 180_000,
}, async () => {
  const left = { accepted: CASES_P384, refused: CASES_P384 }
  const differences: string[] = []
  for (let number = SEED; left.accepted + left.refused > 0; number++) {
    const one = createCase(createRandom(number), es384)
    const kind = judge(one, NOW, es384).accepted ? 'accepted' : 'refused'
    if (left[kind] === 0) continue
    left[kind]--
    const { difference } = await compare(one, es384)
    if (difference) differences.push(`case ${number}, ${difference}`)
  }
  expect(differences).toEqual([])
})

test('a root’s signature says nothing, but is one in form', async () => {
  const number = (size: number): Uint8Array => new Uint8Array(size).fill(0xff)
  for (const [sizes, isTaken] of [
    [[48, 48], true],
    [[1, 1], true],
    [[49, 48], false],
    [[48, 49], false],
  ] as const) {
    const one = withRootSignature(stampScheme, ...sizes.map(number))
    const told = await compare(one, stampScheme)
    expect(told).toEqual({ accepted: isTaken, outcome: isTaken ? 'accepted' : 'SignatureSize' })
  }
})
