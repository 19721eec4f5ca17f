import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeManifest, fromHex, type Measurement, measurementDigest, sha384, toHex } from '@nacre/verify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runCommand } from '../../../test/e2e/command.ts'
import { nacre } from '../../../test/e2e/nacre.ts'
import { DEVICE, FOLDER, LINK, type MockEntry } from '../../../test/mock-authority/index.ts'
import { writeRelease } from '../../../test/releaseFolder.ts'
import { build, buildIn } from './build.ts'
import { type MeasureOptions, measure } from './measure.ts'
import { runScript } from './script.ts'
import { show } from './show.ts'
import { loadSigner, signEif } from './sign.ts'
import { verify } from './verify.ts'

const dir = mkdtempSync(join(tmpdir(), 'nacre-release-'))
const release = join(dir, 'release')
const eif = join(release, 'nacre-mock.eif')
const manifest = writeRelease(release)
const [nitro] = manifest.measurements
const registers = nitro!.registers.map(register => fromHex(register))
afterAll(() => rmSync(dir, { recursive: true, force: true }))

const measured = (path?: string, options: MeasureOptions = {}) =>
  runCommand(output => measure(path, options, output))
const verified = (path: string, against: string) => runCommand(output => verify(path, { against }, output))
/** A copy of the release, to change. */
function copy(name: string): string {
  cpSync(release, join(dir, name), { recursive: true })
  return join(dir, name)
}
type Checked = { name: string; ok: boolean; detail: string }
const failing = ({ value }: { value: { checks: Checked[] } }) =>
  value.checks.filter(check => !check.ok).map(check => check.name)

describe('measure', () => {
  test('of an image file its registers, and the digests that a release lists', async () => {
    const { code, value, text } = await measured(eif)
    expect(code).toBe(0)
    const digest = (kind: Measurement['kind']) => measurementDigest({ kind, registers })
    const [pcr0, pcr1, pcr2] = nitro!.registers
    expect(value).toMatchObject({ pcr0, pcr1, pcr2, signed: false })
    expect(value.measurements).toEqual(
      (['nitro', 'simulated'] as const).map(kind => ({
        kind,
        registers: { pcr0, pcr1, pcr2 },
        digest: digest(kind),
      })),
    )
    expect(text()).toContain(digest('nitro'))
  })

  test('of a release every file, of an image folder every file', async () => {
    const { code, value } = await measured(release)
    expect([code, failing({ value })]).toEqual([0, []])
    expect(value.checks.map(({ name }: Checked) => name)).toEqual([
      'folder',
      'sbom',
      'image-file',
      'measurement',
      'files',
    ])
    expect(value.releaseId).toMatch(/^0x/)
    const folder = join(dir, 'folder')
    mkdirSync(folder)
    writeFileSync(join(folder, 'a'), 'a')
    const sha256 = '0xca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb'
    const { measurements: _, ...fields } = manifest
    writeFileSync(
      join(folder, 'manifest.json'),
      encodeManifest({ ...fields, version: 1, files: [{ path: 'a', sha256, size: 1 }] }),
    )
    expect((await measured(folder)).value).toMatchObject({ ok: true, checks: [{ name: 'a', ok: true }] })
    writeFileSync(join(folder, 'a'), 'b')
    expect(await measured(folder)).toMatchObject({ code: 1, value: { ok: false } })
  })

  const flip = (path: string, at: number) => {
    const bytes = readFileSync(path)
    bytes[at]! ^= 1
    writeFileSync(path, bytes)
  }
  const file = (path: string, data: string) => ({ path, data })
  const APPLICATION: MockEntry[] = [{ path: 'image', mode: FOLDER }, file('image/app.mjs', 'app')]
  const changes: [string, (dir: string) => void, string[]][] = [
    ['a flipped byte of the kernel', at => flip(join(at, 'nacre-mock.eif'), 562), ['image-file']],
    [
      'another list of what is inside',
      at => writeFileSync(join(at, 'sbom.cdx.json'), '{"bomFormat":"CycloneDX"}'),
      ['sbom'],
    ],
    ['no list of what is inside', at => rmSync(join(at, 'sbom.cdx.json')), ['folder', 'sbom']],
    ['a file beside it', at => writeFileSync(join(at, 'more'), ''), ['folder']],
    [
      'another kernel',
      at => void writeRelease(at, { kernel: 'other', changeManifest: () => manifest }),
      ['measurement', 'files', 'boot/vmlinuz'],
    ],
    [
      'another file',
      at => void writeRelease(at, { application: [file('app.mjs', 'x')], changeManifest: () => manifest }),
      ['measurement', 'files', 'image/app.mjs', 'app.mjs'],
    ],
    [
      'another measurement',
      at =>
        void writeRelease(at, {
          changeManifest: made => ({
            ...made,
            measurements: [{ kind: 'nitro', registers: [...nitro!.registers].reverse() }],
          }),
        }),
      ['measurement'],
    ],
    [
      'evidence of another image that would pass for this one’s',
      at =>
        void writeRelease(at, {
          changeManifest: made => ({
            ...made,
            measurements: [
              ...made.measurements,
              { kind: 'nitro', registers: [...nitro!.registers].reverse() },
            ],
          }),
        }),
      ['measurement'],
    ],
    [
      'a link that the manifest cannot name',
      at =>
        void writeRelease(at, {
          application: [...APPLICATION, { path: 'image/b', data: 'app.mjs', mode: LINK }],
        }),
      ['files', 'image/b'],
    ],
    [
      'a device, a file that anyone may write, a program that is run as root, and a folder of another user’s',
      at =>
        void writeRelease(at, {
          application: [
            ...APPLICATION,
            { path: 'console', mode: DEVICE },
            { path: 'image/b', data: 'b', mode: 0o100666 },
            { path: 'image/c', data: 'c', mode: 0o104755 },
            { path: 'image/d', mode: FOLDER, user: 65_532 },
          ],
        }),
      ['files', 'console', 'image/b', 'image/c', 'image/d'],
    ],
    [
      'a folder of the first ramdisk that the second one opens',
      at => void writeRelease(at, { application: [...APPLICATION, { path: 'bin', mode: 0o040777 }] }),
      ['files', 'bin'],
    ],
    [
      'a file that the manifest leaves out',
      at => void writeRelease(at, { changeManifest: made => ({ ...made, files: made.files.slice(0, -1) }) }),
      ['files', 'image/app.mjs'],
    ],
    [
      'a file behind a link',
      at =>
        void writeRelease(at, { platform: [{ path: 'lib', data: '/bin', mode: LINK }, file('lib/x', 'x')] }),
      ['ramdisks'],
    ],
    [
      'a kernel in a ramdisk',
      at =>
        void writeRelease(at, {
          platform: [{ path: 'boot', mode: FOLDER }, file('boot/vmlinuz', 'kernel')],
          changeManifest: () => manifest,
        }),
      ['measurement', 'ramdisks'],
    ],
  ]
  test.each(changes)('%s is found', async (name, change, wanted) => {
    const changed = copy(name.replaceAll(' ', '-'))
    change(changed)
    const ran = await measured(changed)
    expect([ran.code, failing(ran)]).toEqual([1, wanted])
  })

  test('what is none of these is an error of its own', async () => {
    const other = join(dir, 'other')
    writeFileSync(other, 'text')
    for (const path of [other, join(dir, 'absent'), dir])
      await expect(measured(path)).rejects.toMatchObject({ code: 'bad-file' })
    await expect(measured(other, { evidence: other })).rejects.toMatchObject({ code: 'usage' })
    await expect(measured(undefined, { evidence: other })).rejects.toMatchObject({ code: 'bad-file' })
    await expect(measured(release, { publisher: '0x12' })).rejects.toMatchObject({ code: 'bad-input' })
  })
})

test('show tells what a manifest says, and reads nothing else', async () => {
  const changed = copy('shown')
  rmSync(join(changed, 'nacre-mock.eif'))
  const { code, value, text } = await runCommand(output => show(changed, {}, output))
  expect([code, value.files.length]).toEqual([0, 5])
  expect(text()).toContain('image/app.mjs')
})

describe('verify', () => {
  test('two builds that are the same, and a manifest alone', async () => {
    const again = join(dir, 'again')
    writeRelease(again)
    const ran = await verified(release, again)
    expect(ran).toMatchObject({ code: 0, value: { ok: true } })
    // Nothing was built.
    expect(ran.text()).toContain(`is the same as ${again}`)
    expect(ran.text()).not.toContain('these sources')
    expect((await verified(join(release, 'manifest.json'), again)).code).toBe(0)
  })

  test('what differs is named, on both sides', async () => {
    const again = join(dir, 'different')
    writeRelease(again, { application: [{ path: 'new.mjs', data: 'new' }], cmdline: 'quiet' })
    const ran = await verified(release, again)
    expect(ran.code).toBe(1)
    expect(failing(ran)).toEqual([
      'files',
      'boot/cmdline',
      'image/app.mjs',
      'new.mjs',
      'measurements',
      'manifest',
      'image-file',
      'sbom',
    ])
    expect(ran.text()).toContain('it differs in command line, ramdisks')
    expect(ran.text()).toContain(`NOT the same as ${again}`)
  })

  test('a folder whose files are not its manifest’s fails, though the manifest is right', async () => {
    const lying = join(dir, 'lying')
    writeRelease(lying, { kernel: 'other', changeManifest: () => manifest })
    expect(failing(await verified(lying, release))).toEqual([
      'its measurement',
      'its files',
      'its boot/vmlinuz',
      'image-file',
    ])
  })

  test('a release that these sources cannot build is not guessed at', async () => {
    const other = join(dir, 'elsewhere')
    writeRelease(other, { name: 'elsewhere' })
    await expect(runCommand(output => verify(other, {}, output))).rejects.toMatchObject({ code: 'bad-file' })
  })
})

describe('signing', () => {
  const key = join(dir, 'key.pem')
  const certificate = join(dir, 'certificate.pem')
  const make = (keyFile: string, certificateFile: string, curve: string) => {
    const arg = [
      '-newkey',
      'ec',
      '-pkeyopt',
      `ec_paramgen_curve:${curve}`,
      '-nodes',
      '-sha384',
      '-days',
      '30',
    ]
    execFileSync(
      'openssl',
      ['req', '-x509', ...arg, '-subj', '/CN=publisher', '-keyout', keyFile, '-out', certificateFile],
      { stdio: 'ignore' },
    )
  }
  beforeAll(() => make(key, certificate, 'secp384r1'))

  test('a key and its certificate sign an image: PCR 8 is the certificate’s, and the rest stays the same', async () => {
    const signed = copy('signed')
    writeFileSync(join(signed, 'nacre-mock.eif'), signEif(readFileSync(eif), loadSigner(key, certificate)!))
    const { value } = await measured(join(signed, 'nacre-mock.eif'))
    const der = execFileSync('openssl', ['x509', '-in', certificate, '-outform', 'DER'])
    expect(value.pcr8).toBe(toHex(sha384(Buffer.concat([Buffer.alloc(48), sha384(der)]))))
    expect([value.pcr0, value.signed]).toEqual([nitro!.registers[0], true])
    const checks = (await measured(signed)).value.checks as Checked[]
    expect(checks.find(({ name }) => name === 'signature')).toMatchObject({ ok: true })
    const ran = await verified(signed, release)
    expect(ran.code).toBe(0)
    expect(ran.text()).toContain('the same but for its signature')
    const again = readFileSync(join(signed, 'nacre-mock.eif'))
    expect(() => signEif(again, loadSigner(key, certificate)!)).toThrow(
      expect.objectContaining({ code: 'bad-file' }),
    )
  })

  test('keys that cannot sign are refused before anything is built', () => {
    const [other, otherCertificate] = [join(dir, 'other.pem'), join(dir, 'otherCertificate.pem')]
    make(other, otherCertificate, 'prime256v1')
    const refused = (code: string, ...files: Parameters<typeof loadSigner>) =>
      expect(() => loadSigner(...files)).toThrow(expect.objectContaining({ code }))
    refused('usage', key, undefined)
    refused('usage', undefined, certificate)
    refused('bad-file', other, otherCertificate)
    refused('bad-file', key, otherCertificate)
    refused('bad-file', certificate, certificate)
    refused('bad-file', key, join(dir, 'absent'))
    expect(loadSigner(undefined, undefined)).toBe(undefined)
  })
})

describe('builds', () => {
  const script = (name: string, code: string): string => {
    writeFileSync(join(dir, name), code)
    return join(dir, name)
  }
  const run = (path: string, signal = new AbortController().signal) => {
    const lines: string[] = []
    const options = {
      script: path,
      args: ['a'],
      scratch: dir,
      signal,
      onProgress: (line: string) => void lines.push(line),
    }
    return { lines, done: runScript(options) }
  }

  test('tell what they do, and their result is their last line', async () => {
    const { lines, done } = run(
      script(
        'good.mjs',
        'console.error("one\\ntwo"); console.log("x"); console.log(process.argv[2] + process.env.TMPDIR)',
      ),
    )
    expect([await done, lines]).toEqual([`a${dir}`, ['one', 'two']])
  })

  test('that fail are told with their last lines', async () => {
    const { done } = run(script('bad.mjs', 'throw new Error("no kernel")'))
    await expect(done).rejects.toMatchObject({
      code: 'child-failed',
      why: expect.stringContaining('no kernel'),
    })
  })

  test('that are stopped end, those that do not listen too', async () => {
    const controller = new AbortController()
    const stubborn = 'process.on("SIGTERM", () => {}); console.error("up"); setInterval(() => {}, 1000)'
    const { lines, done } = run(script('long.mjs', stubborn), controller.signal)
    await expect.poll(() => lines, { timeout: 30_000 }).toEqual(['up'])
    controller.abort()
    await expect(done).rejects.toMatchObject({ code: 'interrupted' })
    expect((await nacre('release', 'build', '--help')).stdout).toContain('--signing-key')
  })

  test('replace nothing that no build wrote, and leave nothing behind when they fail', async () => {
    const precious = join(dir, 'precious')
    mkdirSync(precious)
    writeFileSync(join(precious, 'thesis.txt'), '')
    const into = (out: string, kernel?: string) =>
      runCommand(output => build({ engine: 'onnx', out, ...(kernel !== undefined && { kernel }) }, output))
    await expect(into(precious)).rejects.toMatchObject({ code: 'bad-file' })
    await expect(into(eif)).rejects.toMatchObject({ code: 'bad-file' })
    await expect(into(join(dir, 'built', 'release'), join(dir, 'absent'))).rejects.toMatchObject({
      code: 'bad-file',
    })
    const work = { signal: new AbortController().signal, onProgress: () => {} }
    const failed = buildIn(join(dir, 'built'), { engine: 'none' }, work, () => 0)
    await expect(failed).rejects.toMatchObject({ code: 'child-failed' })
    expect(readdirSync(join(dir, 'built'))).toEqual([])
    expect(existsSync(join(precious, 'thesis.txt'))).toBe(true)
  })
})
