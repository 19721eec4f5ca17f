import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { replaceFolder } from './release.ts'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nacre-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

const FILES = { 'new.eif': Buffer.from('eif'), 'manifest.json': Buffer.from('{}') }
const there = async () => (await readdir(dir, { recursive: true })).sort()

test('an earlier release makes way for this one, whole', async () => {
  const out = join(dir, 'out')
  await replaceFolder(out, { 'old.eif': Buffer.from('old'), 'sbom.cdx.json': Buffer.from('{}') })
  await replaceFolder(out, FILES)
  expect(await there()).toEqual(['out', 'out/manifest.json', 'out/new.eif'])
  expect(await readFile(join(out, 'new.eif'), 'utf8')).toBe('eif')
})

test('a folder that is somebody’s is left as it is', async () => {
  const out = join(dir, 'out')
  await mkdir(join(out, 'thesis.eif.d'), { recursive: true })
  await writeFile(join(out, 'old.eif'), 'old')
  await expect(replaceFolder(out, FILES)).rejects.toThrow('holds thesis.eif.d, which is no part of a release')
  expect(await there()).toEqual(['out', 'out/old.eif', 'out/thesis.eif.d'])
})

test('a file in its place is left as it is', async () => {
  await writeFile(join(dir, 'out'), 'text')
  await expect(replaceFolder(join(dir, 'out'), FILES)).rejects.toThrow('ENOTDIR')
  expect(await there()).toEqual(['out'])
})
