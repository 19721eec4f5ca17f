import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EvidencePolicy, evidenceMeasurement, measurementDigest, verifierOf } from '@nacre/verify'
import { afterAll, expect, test } from 'vitest'
import { runCommand } from '../../../test/e2e/command.ts'
import {
  authority,
  createDcapAuthority,
  createNitroAuthority,
  createSnpAuthority,
  evidenceOptions,
  NOW,
} from '../../../test/mock-authority/index.ts'
import { type MeasureOptions, measure } from './measure.ts'
import { parseListing } from './measurements.ts'

const dir = mkdtempSync(join(tmpdir(), 'nacre-measured-'))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const write = (name: string, content: Uint8Array | string): string => {
  writeFileSync(join(dir, name), content)
  return join(dir, name)
}
const collateralOf = (name: string, files: ReadonlyMap<string, Uint8Array>): string[] => {
  mkdirSync(join(dir, name))
  for (const [file, content] of files) write(join(name, file), content)
  return [join(dir, name)]
}
const policyOf = (name: string, pin: string) => write(name, JSON.stringify({ version: 1, roots: [pin] }))
const measured = (evidence: string, options: MeasureOptions = {}) =>
  runCommand(output => measure(undefined, { evidence, at: String(NOW), ...options }, output))

const dcap = createDcapAuthority('measured')
const snp = createSnpAuthority('measured')
const nitro = createNitroAuthority('measured')

test.each(['tdx', 'sgx'] as const)(
  'of %s the digest that verifier enclaves sign, verified or as claimed',
  async tee => {
    const { quote, files, pin } = dcap.issue({ tee, time: NOW })
    const file = write(`${tee}.bin`, quote)
    const roots = { version: 1, roots: [pin] } satisfies EvidencePolicy
    const { measurements } = verifierOf(tee)(quote, files, NOW, roots)
    const digest = evidenceMeasurement(tee, measurements)
    const claimed = await measured(file)
    expect(claimed).toMatchObject({ code: 0, value: { tee, digest, verified: false } })
    expect(claimed.text()).toContain('NOT VERIFIED')
    const policy = policyOf(`${tee}.json`, pin)
    const collateral = collateralOf(tee, files)
    expect((await measured(file, { collateral, policy })).value).toMatchObject({
      digest,
      verified: true,
      ok: true,
    })
    await expect(measured(file, { collateral })).rejects.toMatchObject({ code: 'bad-file' })
    expect(parseListing(`${tee}:${digest}`)).toEqual({ kind: tee, digest })
  },
)

test('of SEV-SNP, in hex too', async () => {
  const options = { time: NOW }
  const file = write('snp.txt', Buffer.from(snp.report(options)).toString('hex'))
  const collateral = collateralOf('snp', snp.certificates(options))
  const { value } = await measured(file, { collateral, policy: policyOf('snp.json', snp.pin), tee: 'snp' })
  expect(value.digest).toBe((await measured(file)).value.digest)
})

test('of Nitro it is always verified, and debug mode has none', async () => {
  const register = (byte: number) => new Uint8Array(48).fill(byte)
  const pcrs = { 0: register(1), 1: register(2), 2: register(3) }
  const policy = policyOf('nitro.json', nitro.pin)
  const file = write('nitro.bin', nitro.issue({ time: NOW, pcrs }))
  const digest = measurementDigest({ kind: 'nitro', registers: Object.values(pcrs) })
  expect((await measured(file, { policy })).value).toMatchObject({ digest, verified: true })
  await expect(measured(file)).rejects.toMatchObject({ code: 'bad-file' })
  const debug = write('debug.bin', nitro.issue({ time: NOW, pcrs: { ...pcrs, 0: register(0) } }))
  await expect(measured(debug, { policy })).rejects.toThrow('no measurement')
})

test('simulated evidence has the digest of what stands for the hardware', async () => {
  const { value } = await measured(write('simulated.bin', authority.issue(evidenceOptions)))
  const registers = [0, 1, 2].map(() => evidenceOptions.measurement)
  expect(value).toMatchObject({
    tee: 'simulated',
    digest: measurementDigest({ kind: 'simulated', registers }),
  })
})

test('what no release can list says why', async () => {
  const gpu = write('gpu.bin', Uint8Array.of(0x11, 0xe0, 1, 0xff))
  await expect(measured(gpu)).rejects.toMatchObject({
    why: expect.stringContaining('GPU'),
  })
  await expect(measured(gpu, { tee: 'dstack' })).rejects.toMatchObject({
    why: expect.stringContaining('RTMR3'),
  })
  await expect(measured(gpu, { tee: 'snp' })).rejects.toMatchObject({ code: 'bad-file' })
  await expect(measured(gpu, { tee: 'cca' })).rejects.toMatchObject({ code: 'usage' })
  for (const text of ['', 'tdx', 'tdx:0x12', `gpu:0x${'00'.repeat(32)}`, 'toString:0x'])
    expect(() => parseListing(text)).toThrow(expect.objectContaining({ code: 'bad-input' }))
})
