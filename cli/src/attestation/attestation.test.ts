import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { runCommand } from '../../../test/e2e/command.ts'
import { nacre } from '../../../test/e2e/nacre.ts'
import {
  authority,
  createDcapAuthority,
  createDstackAuthority,
  createNitroAuthority,
  createNvidiaAuthority,
  createSnpAuthority,
  evidenceOptions,
  NOW,
} from '../../../test/mock-authority/index.ts'
import { decoded } from './files.ts'
import { show } from './show.ts'
import { type AttestationOptions, verify } from './verify.ts'

const folder = mkdtempSync(join(tmpdir(), 'nacre-attestation-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const nitro = createNitroAuthority('command line')
const at = String(NOW)
const write = (name: string, content: Uint8Array | string): string => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}
const good = nitro.issue({ time: NOW, nonce: Uint8Array.of(0xab, 0xcd), userData: Uint8Array.of(1) })
const debug = nitro.issue({ time: NOW, pcrs: { 0: new Uint8Array(48) } })
const files = {
  raw: write('raw.bin', good),
  hex: write('hex.txt', `0x${Buffer.from(good).toString('hex').replace(/.{64}/g, '$&\n')}\n`),
  base64: write('base64.txt', Buffer.from(good).toString('base64').replace(/.{76}/g, '$&\n')),
  debug: write('debug.bin', debug),
  cut: write('cut.bin', good.subarray(0, -1)),
  empty: write('empty.bin', ''),
  absent: join(folder, 'absent.bin'),
}
const policy = write('policy.json', JSON.stringify({ version: 1, roots: [nitro.pin] }))
const debugPolicy = write('debug.json', JSON.stringify({ version: 1, roots: [nitro.pin], debug: true }))

/** Every line of JSON, and the exit code, of a call in this process. */
async function run(paths: string[], options: Partial<AttestationOptions> = {}) {
  // biome-ignore lint/suspicious/noExplicitAny: as read from JSON
  const results: any[] = []
  const lines: string[] = []
  const output = {
    json: true,
    color: false,
    line: (line = '') => lines.push(line),
    result: (one: unknown) => results.push(one),
  }
  const code = await verify(paths, { tee: 'nitro', at, policy, ...options }, output as never)
  return { code, results, text: lines.join('\n') }
}

test('raw, hex and base64 are the same evidence, and the result has what the documentation says', async () => {
  const { code, results } = await run([files.raw, files.hex, files.base64])
  expect(code).toBe(0)
  expect(results.map(({ file, ok, code }) => [file, ok, code])).toEqual(
    [files.raw, files.hex, files.base64].map(file => [file, true, 'ok']),
  )
  expect(results[0]).toMatchObject({
    tee: 'nitro',
    reportData: '01',
    tcbStatus: null,
    debug: false,
    pinned: false,
  })
  expect(results[0].measurements.pcr0).toBe('a0'.repeat(48))
  expect(results[0].checks[0]).toEqual({ name: 'format', ok: true, detail: expect.any(String) })
  expect(results[0].time).toBe(new Date(Number(NOW) * 1000).toISOString())
})

test('a bad file does not stop the others, and the exit code is 1', async () => {
  const { code, results } = await run([files.absent, files.cut, files.empty, files.raw])
  expect(code).toBe(1)
  expect(results.map(({ ok, code }) => [ok, code])).toEqual([
    [false, 'bad-file'],
    [false, 'malformed'],
    [false, 'malformed'],
    [true, 'ok'],
  ])
})

test('debug is refused by default, accepted by a policy that says so, and said loudly', async () => {
  expect((await run([files.debug])).results[0]).toMatchObject({
    ok: false,
    code: 'debug-refused',
    debug: true,
  })
  const { code, text } = await run([files.debug], { policy: debugPolicy })
  expect(code).toBe(0)
  expect(text).toContain('DEBUG MODE')
})

test('without a policy only the vendor’s root is trusted, and that nothing is pinned is said loudly', async () => {
  const options: AttestationOptions = { tee: 'nitro', at }
  const ran = await runCommand(out => verify([files.raw], options, out))
  expect(ran.value).toMatchObject({ ok: false, code: 'untrusted-root' })
  expect(ran.text()).toContain('NO MEASUREMENT WAS PINNED')
})

test('a nonce is compared, with a policy and without', async () => {
  const codeOf = async (nonce: string) => (await run([files.raw], { nonce })).results[0].code
  expect([await codeOf('abcd'), await codeOf('0xABCD'), await codeOf('abce')]).toEqual([
    'ok',
    'ok',
    'nonce-mismatch',
  ])
  await expect(run([files.raw], { nonce: 'xyz' })).rejects.toMatchObject({ code: 'bad-input' })
})

test('what the caller got wrong is the caller’s, before any file is looked at', async () => {
  const refused = async (options: Partial<AttestationOptions>, code: string) =>
    expect(run([files.raw], options)).rejects.toMatchObject({ code })
  await refused({ tee: 'nitros' }, 'usage')
  await refused({ at: 'yesterday' }, 'bad-input')
  await refused({ policy: files.absent }, 'bad-file')
  await refused({ policy: write('empty.json', '{}') }, 'bad-file')
  await refused({ collateral: [files.absent] }, 'bad-file')
})

test('collateral and certificates are found in files and folders, whatever their names', async () => {
  const [dcap, snp] = [
    createDcapAuthority('files').issue({ time: NOW, tee: 'tdx' }),
    createSnpAuthority('files'),
  ]
  const folderOf = (name: string, files: ReadonlyMap<string, Uint8Array>): string => {
    mkdirSync(join(folder, name, 'below'), { recursive: true })
    for (const [file, bytes] of files) write(join(name, file), bytes)
    return join(folder, name)
  }
  const pinned = (name: string, pin: string) => write(name, JSON.stringify({ version: 1, roots: [pin] }))
  const intel = folderOf('intel', dcap.files)
  const amd = folderOf('amd', snp.certificates({ time: NOW }))
  const quote = { tee: 'tdx', policy: pinned('intel.json', dcap.pin) }
  const td = write('collateral-td.bin', dcap.quote)
  expect((await run([td], quote)).results[0].code).toBe('missing-collateral')
  expect((await run([td], { ...quote, collateral: [intel] })).results[0]).toMatchObject({
    ok: true,
    tcbStatus: 'UpToDate',
  })
  const report = write('collateral-snp.bin', snp.report({ time: NOW }))
  const options = { tee: 'snp', policy: pinned('amd.json', snp.pin) }
  expect((await run([report], options)).results[0].code).toBe('missing-collateral')
  expect((await run([report], { ...options, certs: [amd], collateral: [intel] })).code).toBe(0)
})

test('a device or folder instead of a file is a bad file, and does not stop the others', async () => {
  const { code, results } = await run(['/dev/zero', folder, files.raw])
  expect(code).toBe(1)
  expect(results.map(({ code }) => code)).toEqual(['bad-file', 'bad-file', 'ok'])
  for (const collateral of ['/dev/zero', write('large.bin', new Uint8Array(1_048_577))])
    await expect(run([files.raw], { collateral: [collateral] })).rejects.toMatchObject({ code: 'bad-file' })
})

test('a folder of too many files is refused before they are read', async () => {
  mkdirSync(join(folder, 'many'))
  for (let i = 0; i < 256; i++) write(join('many', `${i}`), '')
  const options = { collateral: [join(folder, 'many')] }
  expect((await run([files.raw], options)).code).toBe(0)
  // The last in order could not be read either: it is not what is told.
  write(join('many', 'zzz'), new Uint8Array(1_048_577))
  await expect(run([files.raw], options)).rejects.toThrow(/collateral at .*many cannot be read/)
})

test('files of a folder may be links: a revocation list is not passed over', async () => {
  const snp = createSnpAuthority('links')
  mkdirSync(join(folder, 'linked', 'below'), { recursive: true })
  for (const [file, bytes] of snp.certificates({ time: NOW })) write(join('linked', file), bytes)
  const report = write('linked.bin', snp.report({ time: NOW }))
  const policy = write('linked.json', JSON.stringify({ version: 1, roots: [snp.pin] }))
  const options = { tee: 'snp', policy, collateral: [join(folder, 'linked')] }
  expect((await run([report], options)).results[0].code).toBe('ok')
  symlinkSync('below', join(folder, 'linked', 'folder'))
  const list = write(join('linked', 'below', 'list'), snp.crl({ time: NOW }, { revoked: [2] }))
  symlinkSync(list, join(folder, 'linked', 'amd.crl'))
  expect((await run([report], options)).results[0].code).toBe('revoked')
})

test('evidence of one kind is none of another', async () => {
  const simulated = write('simulated.bin', authority.issue(evidenceOptions))
  expect((await run([simulated])).results[0]).toMatchObject({ ok: false, code: 'malformed' })
  expect((await run([files.raw], { tee: 'simulated' })).results[0]).toMatchObject({
    ok: false,
    code: 'malformed',
  })
})

test('show explains what a file is, certificates and measurements included', async () => {
  const ran = await runCommand(out => show(files.hex, {}, out))
  expect(ran.code).toBe(0)
  expect(ran.value).toMatchObject({ tee: 'nitro', facts: { module: 'i-0mock-enc0mock', nonce: 'abcd' } })
  expect(ran.value.certificates.map(({ subject }: { subject: string }) => subject)).toEqual(
    ['root', 'regional', 'zonal', 'instance', 'leaf'].map(link => `CN=mock ${link}`),
  )
  for (const text of ['pcr2', 'CN=mock zonal', 'Nothing here is verified']) expect(ran.text()).toContain(text)
  await expect(runCommand(out => show(files.cut, {}, out))).rejects.toMatchObject({ code: 'bad-file' })
  await expect(runCommand(out => show(policy, {}, out))).rejects.toMatchObject({ code: 'bad-file' })
})

test('show explains quotes, reports and bundles', async () => {
  const shown = async (name: string, evidence: Uint8Array) => {
    const ran = await runCommand(out => show(write(name, evidence), {}, out))
    return { ...ran.value, text: ran.text() }
  }
  const dcap = createDcapAuthority('show')
  const td = await shown('td.bin', dcap.issue({ time: NOW, tee: 'tdx', version: 5 }).quote)
  expect(td).toMatchObject({
    tee: 'tdx',
    facts: { format: expect.stringContaining('version 5'), debug: 'no' },
  })
  expect(td.measurements.mrtd).toMatch(/^[0-9a-f]{96}$/)
  expect(td.certificates).toHaveLength(3)
  const sgx = await shown('sgx.bin', dcap.issue({ time: NOW, tee: 'sgx' }).quote)
  expect(sgx).toMatchObject({ tee: 'sgx', measurements: { mrenclave: expect.any(String) } })
  const snp = await shown('snp.bin', createSnpAuthority('show').report({ time: NOW }))
  expect(snp).toMatchObject({ tee: 'snp', certificates: [], facts: { debug: 'no', VMPL: '0' } })
  expect(snp.text).toContain('they come beside')
  const nvidia = await shown('gpu.bin', createNvidiaAuthority('show').report({ time: NOW }))
  expect(nvidia).toMatchObject({ tee: 'nvidia', facts: { nonce: expect.stringMatching(/^[0-9a-f]{64}$/) } })
  const dstack = await shown('bundle.json', createDstackAuthority('show').issue({ time: NOW }).bundle)
  expect(dstack.facts).toMatchObject({
    'RTMR3 of events': 'the quote’s',
    'event compose-hash': expect.any(String),
  })
})

test('bytes that only look like text are taken as they are', () => {
  for (const bytes of [
    good,
    new Uint8Array(1184),
    Uint8Array.of(0x61, 0x62, 0),
    Buffer.from('{"quote":"ab"}'),
  ])
    expect(decoded(bytes)).toBe(bytes)
  expect(decoded(Buffer.from('0xAb cd'))).toEqual(Uint8Array.of(0xab, 0xcd))
  expect(decoded(Buffer.from('_-8='))).toEqual(Uint8Array.of(0xff, 0xef))
})

test('the command as it is typed: exit codes 0, 1 and 2, one JSON object a line', async () => {
  const common = [
    'attestation',
    'verify',
    '--tee',
    'nitro',
    '--at',
    new Date(Number(NOW) * 1000).toISOString(),
  ]
  const fine = await nacre(...common, '--policy', policy, '--json', files.raw, files.base64)
  expect(fine.code).toBe(0)
  const lines = fine.stdout.trimEnd().split('\n')
  expect(lines.map(line => JSON.parse(line).ok)).toEqual([true, true])
  const bad = await nacre(...common, '--policy', policy, files.cut, files.raw)
  expect(bad.code).toBe(1)
  expect(bad.stdout).toContain('NOT VALID: malformed')
  for (const args of [
    ['verify', files.raw],
    ['verify', '--tee', 'nitro'],
    ['verify', '--tee', 'none', files.raw],
  ])
    expect((await nacre('attestation', ...args)).code, args.join(' ')).toBe(2)
})
