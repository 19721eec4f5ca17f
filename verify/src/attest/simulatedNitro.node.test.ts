import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { authority, NOW } from '../../../test/mock-authority/index.ts'
import { type SimulatedVerdict, verifySimulated } from '../index.ts'
import { encodeSign1 } from './cose.ts'

/** Real documents of AWS Nitro, which are not in this repository. */
const folder = process.env.NACRE_VECTORS ?? join(import.meta.dirname, '../../../../shared/vectors')
const nitro = join(folder, 'attestation/nitro')
const real = existsSync(nitro) ? readdirSync(nitro).filter(name => name.endsWith('.bin')) : []

const verify = (evidence: Uint8Array): SimulatedVerdict =>
  verifySimulated(evidence, { root: authority.root, time: NOW, maxAge: 2 ** 31 })

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
