import { expect, test } from 'vitest'
import { utf8 } from '../bytes.ts'
import type { EvidencePolicy } from './evidencePolicy.ts'
import { decodePolicyArtifact, encodePolicyArtifact, MAX_POLICY_ARTIFACT } from './policyArtifact.ts'

const POLICY: EvidencePolicy = {
  version: 1,
  tcbStatuses: ['UpToDate', 'SWHardeningNeeded'],
  measurements: [{ rtmr0: 'ab'.repeat(48), mrtd: '0xCD' }],
  debug: false,
  maxVmpl: 0,
}
const TEXT = `{"debug":false,"maxVmpl":0,"measurements":[{"mrtd":"cd","rtmr0":"${'ab'.repeat(48)}"}],"tcbStatuses":["UpToDate","SWHardeningNeeded"],"version":1}`

test('a policy has one text: keys in their order, hex in lower case without prefixes', () => {
  expect(encodePolicyArtifact(POLICY)).toEqual(utf8(TEXT))
  expect(decodePolicyArtifact(utf8(TEXT))).toMatchObject({ debug: false, maxVmpl: 0, version: 1 })
  expect(encodePolicyArtifact(decodePolicyArtifact(utf8(TEXT)))).toEqual(utf8(TEXT))
})

const wrong: [string, Uint8Array][] = [
  ['another order of keys', utf8('{"version":1,"debug":false}')],
  ['white space', utf8('{"debug": false,"version":1}')],
  ['a line feed behind it', utf8('{"debug":false,"version":1}\n')],
  ['hex with a prefix', utf8('{"roots":["0xab"],"version":1}')],
  ['hex in upper case', utf8('{"roots":["AB"],"version":1}')],
  ['a number in another form', utf8('{"maxVmpl":0.0,"version":1}')],
  ['a key twice', utf8('{"debug":true,"debug":false,"version":1}')],
  ['an unknown field', utf8('{"debug":false,"version":1,"x":1}')],
  ['another version', utf8('{"debug":false,"version":2}')],
  ['nothing said', utf8('{"version":1}')],
  ['no JSON', utf8('{"debug":false')],
  ['no UTF-8', Uint8Array.of(0x22, 0xff, 0x22)],
  ['a model', Uint8Array.of(8, 8, 0x12, 0)],
  ['nothing', new Uint8Array(0)],
  ['more than a policy has', utf8(`{"debug":false,"version":1}${' '.repeat(MAX_POLICY_ARTIFACT)}`)],
]
test.each(wrong)('%s is no artifact', (_, bytes) => {
  expect(() => decodePolicyArtifact(bytes)).toThrow(
    expect.objectContaining({ code: 'invalid-artifact' }) as Error,
  )
})

test('a policy that is too long for an artifact is not written', () => {
  const measurements = Array.from({ length: 200 }, (_, i) => ({ mrtd: 'ab'.repeat(200), n: `0${i % 10}` }))
  expect(() => encodePolicyArtifact({ version: 1, measurements })).toThrow(
    expect.objectContaining({ code: 'too-large' }) as Error,
  )
})
