import { createHash } from 'node:crypto'
import { measureEif, parseEif } from '@nacre/verify'
import { expect, test } from 'vitest'
import { type EifParts, encodeEif } from './eif.ts'

const parts: EifParts = {
  kernel: Buffer.from('kernel'),
  cmdline: 'console=ttyS0',
  ramdisks: [Buffer.from('platform'), Buffer.from('application')],
  metadata: {
    ImageName: 'test',
    ImageVersion: '1',
    BuildMetadata: {
      ...{ BuildTime: '1970-01-01T00:00:00Z', BuildTool: 'nacre', BuildToolVersion: '1' },
      ...{ OperatingSystem: 'Linux', KernelVersion: '6.12' },
    },
    DockerInfo: {},
  },
}

/** A register of Nitro, by its definition. */
function register(...data: (string | Uint8Array)[]): string {
  const content = createHash('sha384').update(Buffer.concat(data.map(part => Buffer.from(part))))
  return createHash('sha384').update(Buffer.alloc(48)).update(content.digest()).digest('hex')
}
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

test('what is encoded is what is read', () => {
  const eif = parseEif(encodeEif(parts))
  expect(eif).toMatchObject({ version: 4, flags: 0, cmdline: parts.cmdline, memory: 2 ** 30, cpus: 2 })
  expect([eif.kernel, ...eif.ramdisks].map(hex)).toEqual([parts.kernel, ...parts.ramdisks].map(hex))
  expect(eif.metadata).toMatchObject({ ImageName: 'test' })
})

test('it measures as Nitro does', () => {
  const { pcr0, pcr1, pcr2, pcr8 } = measureEif(parseEif(encodeEif(parts)))
  const { kernel, cmdline, ramdisks } = parts
  expect(hex(pcr0)).toBe(register(kernel, cmdline, ...ramdisks))
  expect(hex(pcr1)).toBe(register(kernel, cmdline, ramdisks[0]!))
  expect(hex(pcr2)).toBe(register(ramdisks[1]!))
  expect(pcr8).toBeUndefined()
})

test('the same parts are the same bytes', () => {
  expect(Buffer.from(encodeEif(parts)).equals(encodeEif(structuredClone(parts)))).toBe(true)
})

test('a flipped bit is seen, wherever it is', () => {
  const bytes = encodeEif(parts)
  for (const at of bytes.keys()) {
    const changed = Uint8Array.from(bytes)
    changed[at]! ^= 1
    expect(() => parseEif(changed), `byte ${at}`).toThrow()
  }
})
