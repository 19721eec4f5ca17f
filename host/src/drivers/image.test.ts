import {
  appendFile,
  link,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  symlink,
  truncate,
  unlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { encodeManifest, type Manifest, sha256 } from '@nacre/verify'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { writeRelease } from '../../../test/releaseFolder.ts'
import { readEif } from './eifFile.ts'
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

describe('a release', () => {
  let release: string
  const eif = () => join(release, 'nacre-mock.eif')
  beforeEach(() => {
    release = join(dir, 'release')
    writeRelease(release)
  })

  /** Changes bytes of the image file, and makes its checksum right again. */
  async function patch(change: (bytes: Buffer) => void, mended = true): Promise<void> {
    const bytes = await readFile(eif())
    change(bytes)
    if (mended) bytes.writeUInt32BE(crc32(bytes.subarray(548), crc32(bytes.subarray(0, 544))), 544)
    await writeFile(eif(), bytes)
  }
  const flip = (text: string) => (bytes: Buffer) => {
    bytes[bytes.indexOf(text)]! ^= 1
  }

  test('opens, and is measured by what boots', async () => {
    const image = await loadImage(release)
    const { path, pcrs } = await readEif(image)
    expect(path).toBe(eif())
    expect(pcrs.map(pcr => pcr.length)).toEqual([48, 48, 48])
  })

  const defects: [string, () => Promise<unknown>, RegExp][] = [
    ['a flipped bit in its file', () => patch(flip('console='), false), /CRC-32/],
    ['another command line', () => patch(flip('console=')), /not the file that the manifest measures/],
    ['another kernel', () => patch(flip('kernel')), /not the file that the manifest measures/],
    ['another program in it', () => patch(flip('app.mjs')), /not the file that the manifest measures/],
    ['a file that is cut short', () => truncate(eif(), 600), /nacre-mock.eif/],
    ['an empty file', () => truncate(eif(), 0), /nacre-mock.eif/],
    ['a byte after its end', () => appendFile(eif(), ' '), /nacre-mock.eif/],
    ['no list of what is inside', () => unlink(join(release, 'sbom.cdx.json')), /sbom.cdx.json is missing/],
    ['an extra file', () => writeFile(join(release, 'notes'), ''), /notes is not in the manifest/],
    ['its file under another name', () => rename(eif(), join(release, 'x.eif')), /x.eif is not in the/],
    [
      'a link to its file',
      async () => {
        await rename(eif(), join(dir, 'elsewhere'))
        await symlink(join(dir, 'elsewhere'), eif())
      },
      /no regular file/,
    ],
    [
      'another release’s manifest',
      async () => writeRelease(release, { kernel: 'other' }) && overwrite(),
      /not the/,
    ],
  ]
  /** The image file of the first release, beside the manifest of the second. */
  async function overwrite(): Promise<void> {
    const other = join(dir, 'other')
    writeRelease(other)
    await writeFile(eif(), await readFile(join(other, 'nacre-mock.eif')))
  }

  test.each(defects)('is refused with %s', async (_, damage, message) => {
    await damage()
    await expect(loadImage(release)).rejects.toMatchObject({
      code: 'image-invalid',
      message: expect.stringMatching(message),
    })
  })

  test('an image of files is none that boots', async () => {
    await expect(readEif({ dir, manifest })).rejects.toMatchObject({ code: 'image-invalid' })
  })

  test('a file over the bound is not read', async () => {
    await truncate(eif(), 2 ** 40)
    const image = {
      dir: release,
      manifest: { ...manifest, version: 2 as const, name: 'nacre-mock', measurements: [] },
    }
    await expect(readEif(image)).rejects.toMatchObject({
      code: 'image-invalid',
      message: expect.stringContaining('at most'),
    })
  })
})
