import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { measurementsOf, parseManifest, toHex } from '@nacre/verify'
import { decodeSign1 } from '@nacre/verify/attest/cose'
import { decodeDocument } from '@nacre/verify/attest/document'
import { afterAll, expect, test } from 'vitest'
import { nacre } from '../../../test/e2e/nacre.ts'
import { buildImage } from '../dev/image.ts'

const dir = mkdtempSync(join(tmpdir(), 'nacre-attest-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))
const out = join(dir, 'evidence.bin')
const image = await buildImage()

test('an image is started once, its evidence kept, and measured as its manifest says', async () => {
  const attested = await nacre('release', 'attest', image.dir, '--tee', 'simulated', '--out', out, '--json')
  expect(attested.code, attested.stderr).toBe(0)
  const bytes = new Uint8Array(readFileSync(out))
  expect(attested.json).toEqual({ evidence: out, kind: 'simulated', size: bytes.length })
  const { pcrs } = decodeDocument(decodeSign1(bytes, bytes.length).payload)
  const [measured] = measurementsOf(
    parseManifest(new Uint8Array(readFileSync(join(image.dir, 'manifest.json')))),
  )
  expect(pcrs.slice(0, 3).map(toHex)).toEqual(measured!.registers.map(toHex))
})

test.each([
  [['--tee', 'sgx'], 2, 'sgx'],
  [['--tee', 'simulated', '--cpus', '2'], 2, 'does not take --cpus'],
  [['--tee', 'tdx'], 3, 'starts no enclave on this machine'],
])('%s is refused', async (args, code, text) => {
  const refused = await nacre('release', 'attest', image.dir, ...args, '--out', join(dir, 'none'))
  expect(refused.stderr).toContain(text)
  expect(refused.code).toBe(code)
})

test('a place that cannot be written is told before anything boots', async () => {
  const nowhere = join(dir, 'no', 'such', 'file')
  const refused = await nacre('release', 'attest', image.dir, '--tee', 'simulated', '--out', nowhere)
  expect(refused.stderr).toContain('there is no folder')
  expect([refused.code, refused.stdout]).toEqual([2, ''])
})
