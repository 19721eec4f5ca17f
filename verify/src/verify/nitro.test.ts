import { expect, test } from 'vitest'
import { createNitroBundle, nitroPolicy } from '../../../test/mock-authority/index.ts'
import { realEvidence, secondsOf, told } from '../../test/realEvidence.ts'
import { toHex, verifyReceipt } from '../index.ts'

// Documents of AWS's own, under its root: they bind other people's keys, so that of a receipt nothing but they holds.
const files = realEvidence('nitro').filter(
  ({ expect }) => expect.valid && expect.suggested_verification_time && !expect.debug_mode_zero_pcr012,
)
const { nitroRoots: _, ...aws } = nitroPolicy
const AUTHENTIC = ['format', 'root', 'certificates', 'signature', 'time', 'measurement']

test(`real documents are authentic under AWS's root, and of no receipt here (${told(files)})`, () => {
  const bundle = createNitroBundle()
  for (const { file, bytes, expect: facts } of files) {
    const evidence = { kind: 'nitro' as const, bytes: toHex(bytes) }
    // Hours after their certificates ended they are what they were.
    const time = secondsOf(facts.suggested_verification_time) + 80_000n
    const { ok, checks } = verifyReceipt({ ...bundle, evidence }, aws, { time })
    const holding = checks.filter(check => check.ok).map(({ name }) => name)
    expect(holding, file).toEqual(expect.arrayContaining(AUTHENTIC.map(name => `evidence-${name}`)))
    expect(ok, file).toBe(false)
  }
})
