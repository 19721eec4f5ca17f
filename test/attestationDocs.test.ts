import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  CASE_KIND,
  DEFAULT_EVIDENCE_POLICY,
  decodePolicyArtifact,
  evidencePolicySchema,
  NOT_VALID,
  NOT_WANTED,
  parseEvidencePolicy,
  sha256,
  utf8,
} from '@nacre/verify'
import { expect, test } from 'vitest'

const page = readFileSync(join(import.meta.dirname, '../docs/attestation.md'), 'utf8')
const sectionOf = (heading: string): string =>
  page.split(/^## /m).find(part => part.startsWith(`${heading}\n`)) ?? ''
const namesIn = (text: string): string[] => [...text.matchAll(/^\| `([^`]+)` +\|/gm)].map(([, name]) => name!)

test('docs/attestation.md documents every code in its class, and no other', () => {
  const [notValid = '', notWanted = ''] = sectionOf('Codes').split('**Valid but not wanted**')
  expect(namesIn(notValid)).toEqual([...NOT_VALID])
  expect(namesIn(notWanted)).toEqual([...NOT_WANTED])
})

test('and every field of a policy, and its default', () => {
  const fields = Object.keys(evidencePolicySchema.properties as object)
  expect(namesIn(sectionOf('Policy'))).toEqual(fields)
  const [, shown = ''] = /the default is `([^`]+)`/.exec(sectionOf('Policy')) ?? []
  expect(parseEvidencePolicy(JSON.parse(shown))).toEqual(DEFAULT_EVIDENCE_POLICY)
})

test('docs/evidence-policy.schema.json is the schema of this build', () => {
  const file = join(import.meta.dirname, '../docs/evidence-policy.schema.json')
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(evidencePolicySchema)
})

test('the policies to begin with are canonical, one for each TEE that is judged, by their names', () => {
  const rows = [
    ...sectionOf('Verifier enclaves').matchAll(/^\| `(\w+)` \| `(\{[^`]+\})` \| `(0x[0-9a-f]{64})` \|$/gm),
  ]
  expect(rows.map(([, tee]) => tee)).toEqual(Object.keys(CASE_KIND))
  for (const [, , text = '', name] of rows) {
    expect(decodePolicyArtifact(utf8(text))).toMatchObject({ version: 1 })
    expect(sha256(utf8(text))).toBe(name)
  }
})
