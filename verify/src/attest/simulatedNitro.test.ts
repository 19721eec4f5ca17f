import { expect, test } from 'vitest'
import { authority, evidenceNonce, evidenceOptions, NOW } from '../../../test/mock-authority/index.ts'
import { equalBytes, fromHex, type SimulatedVerdict, verifySimulated } from '../index.ts'
import { decodeSign1 } from './cose.ts'
import { decodeDocument } from './document.ts'

/** How every document of AWS Nitro begins: an array of four, protected header `{1: -35}`. */
const NITRO_START = fromHex('0x8444a1013822a0')

const verify = (evidence: Uint8Array): SimulatedVerdict =>
  verifySimulated(evidence, { root: authority.root, time: NOW, maxAge: 2 ** 31 })

test('a document under ES384, as Nitro signs, is refused before anything in it is read', () => {
  const evidence = authority.issue({ ...evidenceOptions, signature: 'es384' })
  expect(equalBytes(evidence.subarray(0, 7), NITRO_START)).toBe(true)
  expect(verify(evidence).checks[0]).toMatchObject({ name: 'evidence-format', ok: false })
  expect(verify(evidence).checks[0]?.detail).toContain('ES256')
})

test('a simulated document does not begin as every Nitro document does', () => {
  const evidence = authority.issue(evidenceOptions)
  expect(verify(evidence).ok).toBe(true)
  expect(evidence.subarray(0, 5)).toEqual(fromHex('0x8443a10126'))
  const { payload } = decodeSign1(evidence, 8192)
  expect(decodeDocument(payload).nonce).toEqual(fromHex(evidenceNonce))
})
