import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { authority, evidenceNonce, evidenceOptions, NOW } from '../../../test/authority/index.ts'
import { equalBytes, fromHex, type Verdict, verifySimulated } from '../index.ts'
import { decodeSign1, encodeSign1 } from './cose.ts'
import { decodeDocument } from './document.ts'

/** A simulated document and a real one of AWS Nitro must never verify as each other. */
const folder = process.env.NACRE_VECTORS ?? join(import.meta.dirname, '../../../../shared/vectors')
const nitro = join(folder, 'attestation/nitro')
const real = existsSync(nitro) ? readdirSync(nitro).filter(name => name.endsWith('.bin')) : []

/** How every document of AWS Nitro begins: an array of four, protected header `{1: -35}`. */
const NITRO_START = fromHex('0x8444a1013822a0')

const verify = (evidence: Uint8Array): Verdict =>
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

const found =
  real.length > 0 ? `${real.length} real documents` : 'no real documents: set NACRE_VECTORS for them'
describe(`Nitro evidence (${found})`, () => {
  test('no real document, and none put under an ES256 header, verifies as simulated', () => {
    if (real.length === 0)
      console.warn(`real Nitro documents not checked: ${nitro} is absent, set NACRE_VECTORS`)
    for (const name of real) {
      const bytes = new Uint8Array(readFileSync(join(nitro, name)))
      expect(verify(bytes).checks[0], name).toMatchObject({ name: 'evidence-format', ok: false })
      const start = 10
      const payload = bytes.subarray(start, start + ((bytes[8] as number) << 8) + (bytes[9] as number))
      const disguised = encodeSign1({ payload, signature: bytes.subarray(-64) })
      expect(verify(disguised).checks[0], name).toMatchObject({ name: 'evidence-format', ok: false })
    }
  })
})
