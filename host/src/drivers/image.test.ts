import { appendFile, link, mkdir, mkdtemp, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeManifest, type Manifest, sha256 } from '@nacre/verify'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadImage } from './image.ts'

let dir: string
const program = Buffer.from('console.log(1)')
const manifest: Manifest = {
  version: 1,
  name: 'test',
  engine: 'none',
  files: [{ path: 'app/main.mjs', sha256: sha256(program), size: program.length }],
}

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nacre-'))
  await mkdir(join(dir, 'app'))
  await writeFile(join(dir, 'app/main.mjs'), program)
  await writeFile(join(dir, 'manifest.json'), encodeManifest(manifest))
})

afterEach(() => rm(dir, { recursive: true, force: true }))

const main = () => join(dir, 'app/main.mjs')

test('opens an image whose files are those of its manifest', async () => {
  expect(await loadImage(dir)).toEqual({ dir, manifest })
})

const defects: [string, () => Promise<unknown>, RegExp][] = [
  ['a changed byte', () => writeFile(main(), 'console.log(2)'), /has SHA-256/],
  ['a longer file', () => appendFile(main(), ' '), /has 15 bytes/],
  ['a missing file', () => unlink(main()), /app\/main.mjs is missing/],
  ['an extra file', () => writeFile(join(dir, 'app/extra'), ''), /app\/extra is not in the manifest/],
  ['a link', () => symlink(main(), join(dir, 'app/link')), /no regular file/],
  ['a second name of a file', () => link(main(), join(dir, 'app/second')), /not in the manifest/],
  ['no manifest', () => unlink(join(dir, 'manifest.json')), /manifest.json/],
  ['a manifest with other bytes', () => appendFile(join(dir, 'manifest.json'), '\n'), /canonical/],
]

test.each(defects)('refuses %s', async (_, damage, message) => {
  await damage()
  await expect(loadImage(dir)).rejects.toMatchObject({
    code: 'image-invalid',
    message: expect.stringMatching(message),
  })
})
