import { defaultEvidenceCrypto } from '@nacre/verify'
import { expect, test } from 'vitest'
import p256 from './p256.json' with { type: 'json' }
import p384 from './p384.json' with { type: 'json' }
import ps384 from './ps384.json' with { type: 'json' }
import { VERIFIERS, type Wycheproof, wrongCases } from './read.ts'

const files: [keyof typeof VERIFIERS, Wycheproof][] = [
  ['p256', p256],
  ['p384', p384],
  ['ps384', ps384],
]

test.each(files)('%s: the default provider says of every signature what Wycheproof says', (name, file) => {
  expect(file.groups.flatMap(({ tests }) => tests)).toHaveLength(file.numberOfTests)
  expect(wrongCases(file, VERIFIERS[name](defaultEvidenceCrypto))).toEqual([])
})
