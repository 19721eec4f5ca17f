import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { checkRandomness } from './entropy.ts'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'nacre-'))
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

const AVAILABLE = 'proc/sys/kernel/random/entropy_avail'
const PROCESSOR = 'proc/cpuinfo'
const DEVICE = 'sys/class/misc/hw_random/rng_current'

function machine(files: Record<string, string>): () => void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return () => checkRandomness(root)
}

const flags = (...names: string[]) => `processor\t: 0\nflags\t\t: fpu ${names.join(' ')}\nbugs\t:\n`

test.each([
  ['a processor with a generator', { [AVAILABLE]: '256\n', [PROCESSOR]: flags('rdrand', 'sse2') }],
  ['a processor whose last flag it is', { [AVAILABLE]: '256\n', [PROCESSOR]: flags('rdrand') }],
])('%s is enough', (_, files) => {
  expect(machine(files)).not.toThrow()
})

test.each([
  ['no source', { [AVAILABLE]: '256\n', [PROCESSOR]: flags('sse2') }, /no source/],
  [
    'a device, which may be the host’s own',
    { [AVAILABLE]: '256\n', [PROCESSOR]: flags('sse2'), [DEVICE]: 'nsm-hwrng\n' },
    /no source/,
  ],
  ['a flag that only begins like it', { [AVAILABLE]: '256\n', [PROCESSOR]: flags('rdrandom') }, /no source/],
  ['a generator that is not seeded', { [AVAILABLE]: '255\n', [PROCESSOR]: flags('rdrand') }, /has 255 bits/],
  ['a count that is none', { [AVAILABLE]: 'many\n', [PROCESSOR]: flags('rdrand') }, /NaN/],
  ['no count', { [PROCESSOR]: flags('rdrand') }, /has 0 bits/],
  ['nothing at all', {}, /no source/],
])('%s is not', (_, files, message) => {
  expect(machine(files)).toThrow(message)
})
