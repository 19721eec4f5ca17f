import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseSnpReport } from '@nacre/verify/attest/snpReport'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { runCommand } from '../../../test/e2e/command.ts'
import { nacre } from '../../../test/e2e/nacre.ts'
import { EVIDENCE_FOLDER, readRealEvidence } from '../../../test/evidence.ts'
import {
  createDcapAuthority,
  createDstackAuthority,
  createNitroAuthority,
  createSnpAuthority,
  NOW,
  type SnpOptions,
} from '../../../test/mock-authority/index.ts'
import {
  amdReplies,
  intelReplies,
  startVendorServices,
  type VendorServices,
} from '../../../test/vendorServices.ts'
import type { Answer } from './download.ts'
import { type FetchOptions, fetchCollateral } from './fetch.ts'
import { needsOf } from './needs.ts'
import { VENDORS } from './services.ts'
import { verify } from './verify.ts'

const TIME = 1_790_000_000n
const at = String(TIME)
const isoOf = (seconds: bigint): string =>
  new Date(Number(seconds) * 1000).toISOString().replace('.000Z', 'Z')
const DAY = 86_400n
const intel = createDcapAuthority('services')
const amd = createSnpAuthority('services')
const issued = { tdx: intel.issue({ time: TIME, tee: 'tdx' }), sgx: intel.issue({ time: TIME, tee: 'sgx' }) }

const MILAN = 'blSPL=03&teeSPL=01&snpSPL=08&ucodeSPL=115'
const TURIN = 'fmcSPL=01&blSPL=02&teeSPL=03&snpSPL=04&ucodeSPL=81'
const report = (options: Partial<SnpOptions>) => amd.report({ time: TIME, ...options })
const amdAnswers = (options: Partial<SnpOptions>, query: string) => {
  const all = { time: TIME, ...options }
  const files = amd.certificates(all).set('crl', amd.crl(all))
  return amdReplies(parseSnpReport(report(options)), options.line ?? 'Milan', query, files)
}

const folder = mkdtempSync(join(tmpdir(), 'nacre-collateral-'))
const write = (name: string, bytes: Uint8Array | string): string => {
  writeFileSync(join(folder, name), bytes)
  return join(folder, name)
}
const evidence = {
  tdx: write('tdx.bin', issued.tdx.quote),
  sgx: write('sgx.bin', issued.sgx.quote),
  dstack: write('bundle.json', createDstackAuthority('services').issue({ time: TIME }).bundle),
  milan: write('milan.bin', report({})),
  old: write('milan2.hex', Buffer.from(report({ version: 2 })).toString('hex')),
  turin: write('turin.bin', report({ line: 'Turin' })),
  vlek: write('vlek.bin', report({ key: 'vlek' })),
  masked: write('masked.bin', report({ chipId: new Uint8Array(64) })),
}
const policy = write('policy.json', JSON.stringify({ version: 1, roots: [intel.pin, amd.pin] }))

let services: VendorServices
let out: string
beforeAll(async () => {
  services = await startVendorServices({
    ...intelReplies('sgx', issued.sgx),
    ...intelReplies('tdx', issued.tdx),
    ...amdAnswers({ key: 'vlek' }, MILAN),
    ...amdAnswers({}, MILAN),
    ...amdAnswers({ line: 'Turin' }, TURIN),
  })
})
beforeEach(() => {
  out = mkdtempSync(join(folder, 'out-'))
})
afterEach(() => {
  services.broken.clear()
  services.asked.length = 0
})
afterAll(async () => {
  await services.close()
  rmSync(folder, { recursive: true, force: true })
})

async function get(files: string[], options: Partial<FetchOptions> = {}) {
  const { url } = services
  const all = { out, intel: url, intelRoot: url, amd: url, ...options }
  const progress: string[] = []
  const ran = await runCommand(output => fetchCollateral(files, all, output, text => progress.push(text)))
  return { ...ran, progress: progress.join('\n') }
}

const verified = async (file: string, tee: string) =>
  (await runCommand(output => verify([file], { tee, at, policy, collateral: [out] }, output))).value
const contents = (): Record<string, string> =>
  Object.fromEntries(readdirSync(out).map(name => [name, readFileSync(join(out, name), 'base64')]))
const expiry = () => JSON.parse(readFileSync(join(out, 'expiry.json'), 'utf8'))

describe('what is fetched is what verify needs', () => {
  test('a TDX quote: four answers of Intel, and its verdict with them', async () => {
    expect((await verified(evidence.tdx, 'tdx')).code).toBe('missing-collateral')
    const { code, value, progress } = await get([evidence.tdx])
    expect(code).toBe(0)
    expect(services.asked).toEqual([
      '/tdx/certification/v4/tcb?fmspc=00906ed50000',
      '/tdx/certification/v4/qe/identity',
      '/sgx/certification/v4/pckcrl?ca=platform&encoding=der',
      '/IntelSGXRootCA.der',
    ])
    for (const path of services.asked) expect(progress).toContain(`${services.url}${path}`)
    expect((await verified(evidence.tdx, 'tdx')).code).toBe('ok')
    expect(readFileSync(join(out, 'intel-tcb-info-tdx-00906ed50000.json'))).toEqual(
      Buffer.from(issued.tdx.files.get('tcb_info.json')!),
    )
    expect(value.files.map(({ file }: { file: string }) => file)).toEqual([
      'intel-tcb-info-tdx-00906ed50000.json',
      'intel-tcb-signing-chain.pem',
      'intel-qe-identity-tdx.json',
      'intel-pck-platform.crl',
      'intel-pck-platform-chain.pem',
      'intel-root-ca.crl',
    ])
    expect(value).toMatchObject({ folder: out, expires: isoOf(TIME + 29n * DAY), missing: [] })
  })

  test('one folder holds what several pieces of evidence need, each answer asked for once', async () => {
    const { code } = await get([evidence.tdx, evidence.milan])
    expect(code).toBe(0)
    await get([evidence.sgx, evidence.milan, evidence.turin])
    expect(services.asked.filter(path => path.startsWith('/vcek/v1/Milan/cert_chain'))).toHaveLength(2)
    const verdicts = await Promise.all([
      verified(evidence.tdx, 'tdx'),
      verified(evidence.sgx, 'sgx'),
      verified(evidence.milan, 'snp'),
      verified(evidence.turin, 'snp'),
    ])
    expect(verdicts.map(({ code }) => code)).toEqual(['ok', 'ok', 'ok', 'ok'])
    const certificates = verdicts[2].checks.find(({ name }: { name: string }) => name === 'certificates')
    expect(certificates.detail).toContain('none revoked')
    expect(expiry().expires).toBe(isoOf(TIME + DAY))
    expect(Object.keys(expiry().files).sort()).toEqual(
      readdirSync(out).filter(name => name !== 'expiry.json'),
    )
    expect(expiry().files['intel-root-ca.crl']).toBe(isoOf(TIME + 29n * DAY))
  })

  test('a bundle of dstack needs what its quote needs', async () => {
    const { value } = await get([evidence.dstack])
    expect(services.asked[0]).toBe('/tdx/certification/v4/tcb?fmspc=00906ed50000')
    expect(value.files).toHaveLength(6)
    expect((await verified(evidence.dstack, 'dstack')).code).toBe('ok')
  })

  test('a SEV-SNP report: its chip, TCB and product decide what is asked for', async () => {
    await get([evidence.milan, evidence.turin])
    expect(services.asked).toEqual([
      `/vcek/v1/Milan/${'c1'.repeat(64)}?${MILAN}`,
      '/vcek/v1/Milan/cert_chain',
      '/vcek/v1/Milan/crl',
      `/vcek/v1/Turin/${'c1'.repeat(8)}?${TURIN}`,
      '/vcek/v1/Turin/cert_chain',
      '/vcek/v1/Turin/crl',
    ])
  })

  test('a report of version 2 does not tell its processor: the caller does', async () => {
    await expect(get([evidence.old])).rejects.toMatchObject({
      code: 'bad-file',
      why: expect.stringContaining('--product'),
    })
    expect((await get([evidence.old], { product: 'Milan' })).code).toBe(0)
    expect((await verified(evidence.old, 'snp')).code).toBe('ok')
    await expect(get([evidence.old], { product: 'Naples' })).rejects.toMatchObject({ code: 'bad-file' })
    await expect(get([evidence.milan], { product: 'Genoa' })).rejects.toMatchObject({ code: 'bad-file' })
  })

  test('what no service gives is said: the certificate of a VLEK, and of a chip that the report does not tell', async () => {
    const vlek = await get([evidence.vlek])
    expect(vlek.value.missing).toEqual([expect.stringContaining('VLEK')])
    expect(services.asked).toEqual(['/vlek/v1/Milan/cert_chain', '/vlek/v1/Milan/crl'])
    const certs = write('vlek.der', amd.certificates({ time: TIME, key: 'vlek' }).get('vek.der')!)
    const options = { tee: 'snp', at, policy, collateral: [out], certs: [certs] }
    expect((await runCommand(output => verify([evidence.vlek], options, output))).value.code).toBe('ok')
    expect((await get([evidence.masked])).text()).toContain('MISSING: the VCEK')
  })

  test('the chains of two answers differ: both are kept', async () => {
    const other = createDcapAuthority('a new signer').issue({ time: TIME, tee: 'tdx' })
    const path = '/tdx/certification/v4/qe/identity'
    const { headers } = intelReplies('tdx', other)[path]!
    services.broken.set(path, (_, response) =>
      response.writeHead(200, headers).end(issued.tdx.files.get('qe_identity.json')),
    )
    await get([evidence.tdx])
    const pem = readFileSync(join(out, 'intel-tcb-signing-chain.pem'), 'utf8')
    expect(pem.match(/BEGIN CERTIFICATE/g)).toHaveLength(4)
    expect((await verified(evidence.tdx, 'tdx')).code).toBe('ok')
  })
})

describe('an answer that cannot be used leaves the folder as it was', () => {
  const status =
    (code: number, headers: Record<string, string> = {}): RequestListener =>
    (_, response) =>
      void response.writeHead(code, headers).end('no')
  const sends =
    (body: string | Uint8Array): RequestListener =>
    (_, response) =>
      void response.end(body)
  const forever: RequestListener = (_, response) => {
    const timer = setInterval(() => response.write('{"tcbInfo":'), 20)
    response.on('close', () => clearInterval(timer))
  }
  const cut: RequestListener = (_, response) => {
    response.writeHead(200, { 'content-length': '1000' }).write('{"tcbInfo":{')
    setImmediate(() => response.destroy())
  }
  const tcb = '/tdx/certification/v4/tcb'
  const info = issued.tdx.files.get('tcb_info.json')!
  const headers = intelReplies('tdx', issued.tdx)[`${tcb}?fmspc=00906ed50000`]!.headers!
  const changed =
    (from: string, to: string): RequestListener =>
    (_, response) =>
      void response.writeHead(200, headers).end(Buffer.from(info).toString().replace(from, to))
  const stranger = createSnpAuthority('stranger')
  const vcek = `/vcek/v1/Milan/${'c1'.repeat(64)}`
  const vcekOf = (options: Partial<SnpOptions>) =>
    amd.certificates({ time: TIME, ...options }).get('vek.der') as Uint8Array

  const cases: [string, string, RequestListener, string, RegExp][] = [
    ['404', tcb, status(404), 'service-bad-answer', /knows no such machine/],
    [
      'a refusal with its reason',
      tcb,
      status(400, { 'Error-Message': 'Invalid fmspc' }),
      'service-bad-answer',
      /status 400: Invalid fmspc/,
    ],
    [
      'a redirect',
      tcb,
      status(302, { location: 'https://elsewhere.example/' }),
      'service-bad-answer',
      /redirect to https:\/\/elsewhere.example\/: none is followed/,
    ],
    [
      'busy for an hour',
      tcb,
      status(429, { 'Retry-After': '3600' }),
      'service-unavailable',
      /status 429 after 1 attempt/,
    ],
    [
      'busy for ever',
      tcb,
      status(503, { 'Retry-After': '0' }),
      'service-unavailable',
      /status 503 after 4 attempts/,
    ],
    ['a body that never ends', tcb, forever, 'service-unavailable', /not all of it, within 0.5 s/],
    ['no answer', tcb, () => {}, 'service-unavailable', /within 0.5 s/],
    ['half an answer', tcb, cut, 'service-unavailable', /./],
    ['too much', tcb, sends(new Uint8Array(300_000)), 'service-bad-answer', /more than 262144 bytes/],
    ['a page for people', tcb, sends('<html>Log in</html>'), 'service-bad-answer', /not the JSON/],
    ['JSON that is cut short', tcb, changed('"}', ''), 'service-bad-answer', /not JSON/],
    ['JSON of another version', tcb, changed('"version":3', '"version":4'), 'service-bad-answer', /version/],
    ['no chain in the header', tcb, sends(info), 'service-bad-answer', /tcb-info-issuer-chain is missing/],
    [
      'a chain that is none',
      tcb,
      (_, response) => void response.writeHead(200, { 'TCB-Info-Issuer-Chain': 'none' }).end(info),
      'service-bad-answer',
      /no PEM certificate/,
    ],
    [
      'the TCB info of another machine',
      tcb,
      changed('00906ED50000', '00906ED50001'),
      'service-bad-answer',
      /FMSPC 00906ed50001/,
    ],
    [
      'the identity of another enclave',
      '/tdx/certification/v4/qe',
      (_, response) => void response.writeHead(200, headers).end(issued.sgx.files.get('qe_identity.json')),
      'service-bad-answer',
      /it is of QE, not TD_QE/,
    ],
    [
      'the list of another authority',
      '/IntelSGXRootCA.der',
      sends(issued.tdx.files.get('pck.crl')!),
      'service-bad-answer',
      /PCK Platform CA, not of Intel SGX Root CA/,
    ],
    ['a list that is none', '/IntelSGXRootCA.der', sends('no list'), 'service-bad-answer', /./],
    [
      'the certificate of another chip',
      vcek,
      sends(
        vcekOf({ chipId: new Uint8Array(64).fill(7), certified: { chipId: new Uint8Array(64).fill(7) } }),
      ),
      'service-bad-answer',
      /another chip/,
    ],
    [
      'the certificate of another TCB',
      vcek,
      sends(vcekOf({ tcb: { reported: Uint8Array.of(2, 1, 0, 0, 0, 0, 8, 115) } })),
      'service-bad-answer',
      /another TCB/,
    ],
    [
      'the chain of another product',
      '/vcek/v1/Milan/cert_chain',
      sends(amdAnswers({ line: 'Turin' }, TURIN)['/vcek/v1/Turin/cert_chain']!.body),
      'service-bad-answer',
      /SEV-Turin, ARK-Turin/,
    ],
    [
      'the list of another product',
      '/vcek/v1/Milan/crl',
      sends(stranger.crl({ time: TIME, line: 'Turin' })),
      'service-bad-answer',
      /ARK-Turin/,
    ],
  ]
  test.each(cases)('%s', async (_, path, answer, code, why) => {
    await get([evidence.tdx, evidence.milan])
    const before = contents()
    services.broken.set(path, answer)
    // Short only where the deadline is what ends it: other answers may be slow.
    const timeout = why.source.includes('within') ? '0.5' : '30'
    await expect(get([evidence.tdx, evidence.milan], { timeout })).rejects.toMatchObject({
      code,
      why: expect.stringMatching(why),
    })
    expect(contents()).toEqual(before)
  })

  test('nothing listens: the error names the address and what to do', async () => {
    const closed = await startVendorServices({})
    await closed.close()
    const failed = get([evidence.tdx], { intel: closed.url })
    await expect(failed).rejects.toMatchObject({ code: 'service-unavailable', why: /ECONNREFUSED/ })
    await expect(failed).rejects.toThrow(closed.url)
    expect(readdirSync(out)).toEqual([])
  })
})

test('a service that is busy is asked again when it says so, in seconds or as a date', async () => {
  let left = 2
  const path = '/tdx/certification/v4/tcb'
  const reply = intelReplies('tdx', issued.tdx)[`${path}?fmspc=00906ed50000`]!
  services.broken.set(path, (_, response) => {
    left -= 1
    const wait = left === 1 ? '0' : new Date().toUTCString()
    if (left < 0) response.writeHead(200, reply.headers).end(reply.body)
    else response.writeHead(429, { 'Retry-After': wait }).end()
  })
  const { code, progress } = await get([evidence.tdx])
  expect(code).toBe(0)
  expect(services.asked.filter(asked => asked.startsWith(path))).toHaveLength(3)
  expect(progress.match(/status 429, asked again in 0 s/g)).toHaveLength(2)
})

test('what the caller got wrong is the caller’s, before anything is asked', async () => {
  const refused = async (file: string, options: Partial<FetchOptions>, code: string) =>
    expect(get([file], options)).rejects.toMatchObject({ code })
  const { tdx } = evidence
  for (const url of ['ftp://127.0.0.1', 'nowhere', 'http://a:b@127.0.0.1', 'http://127.0.0.1/?q=1'])
    await refused(tdx, { intel: url }, 'bad-input')
  for (const timeout of ['0', '-1', 'soon', '3601']) await refused(tdx, { timeout }, 'bad-input')
  await refused(tdx, { tee: 'tpm' }, 'usage')
  await refused(tdx, { tee: 'sgx' }, 'bad-file')
  await refused(join(folder, 'absent'), {}, 'bad-file')
  await refused(write('text', 'hello, world'), {}, 'bad-file')
  const nitro = createNitroAuthority('services').issue({ time: NOW })
  await refused(write('nitro.bin', nitro), {}, 'bad-file')
  expect(services.asked).toEqual([])
})

test('the command: one JSON object on standard output, progress on standard error, exit code 4 where nothing answers', async () => {
  const { url } = services
  const args = (file: string) => ['attestation', 'collateral', 'fetch', file, '--out', out, '--json']
  const amdAt = (address: string) => [...args(evidence.milan), '--amd', address]
  const { code, stdout, stderr, json } = await nacre(...amdAt(url))
  expect([code, stdout.trim().split('\n').length]).toEqual([0, 1])
  expect(json).toMatchObject({ folder: out, expires: isoOf(TIME + DAY), missing: [] })
  expect(stderr).toContain(`${url}/vcek/v1/Milan/cert_chain`)
  services.broken.set('/vcek', (_, response) => void response.writeHead(404).end())
  const failed = await nacre(...amdAt(url))
  expect(failed.code).toBe(4)
  expect(failed.json.error).toMatchObject({ code: 'service-bad-answer' })
  expect((await nacre('attestation', 'collateral', 'fetch', evidence.milan)).code).toBe(2)
})

const real = readRealEvidence()
const read = (file: string): Uint8Array => new Uint8Array(readFileSync(join(EVIDENCE_FOLDER, file)))
const told = real.length > 0 ? `${real.length} real files` : 'NOTHING CHECKED: set NACRE_VECTORS'

describe(`real evidence (${told})`, () => {
  test('every real quote tells what it needs, and Intel’s answers are taken', async () => {
    for (const { file, tee } of real.filter(({ tee }) => tee === 'tdx' || tee === 'sgx')) {
      const { wanted } = needsOf(tee as 'tdx' | 'sgx', read(file), VENDORS)
      const [, fmspc] = /-([0-9a-f]{12})-/.exec(file) ?? []
      expect(wanted[0]!.url, file).toBe(
        `https://api.trustedservices.intel.com/${tee}/certification/v4/tcb?fmspc=${fmspc}`,
      )
      if (tee !== 'tdx' || fmspc !== '90c06f000000') continue
      const chain = encodeURIComponent(
        Buffer.from(read('dcap-collateral/lunal-tcb_signing_chain.pem')).toString(),
      )
      const headers = new Headers({
        'TCB-Info-Issuer-Chain': chain,
        'SGX-Enclave-Identity-Issuer-Chain': chain,
        'SGX-PCK-CRL-Issuer-Chain': chain,
      })
      const answers = [
        'lunal-tcb_info_90c06f000000.json',
        'lunal-td_qe_identity.json',
        'lunal-pck_crl_platform.der',
        'lunal-root_ca_crl.der',
      ].map((name): Answer => ({ bytes: read(`dcap-collateral/${name}`), headers }))
      const files = wanted.flatMap((one, i) => Object.keys(one.read(answers[i]!)))
      expect(files, file).toContain('intel-tcb-info-tdx-90c06f000000.json')
      expect(files, file).toContain('intel-root-ca.crl')
    }
  })

  test('every real report gets the certificate of its chip and TCB, and AMD’s chain', () => {
    const reports = real.filter(({ tee, entry }) => tee === 'snp' && entry.certs)
    for (const { file, expect: wanted, entry } of reports) {
      const line = /milan|genoa|turin/.exec(file)?.[0] as string
      const needs = needsOf('snp', read(file), VENDORS, line[0]!.toUpperCase() + line.slice(1))
      const certificates = Object.values(entry.certs as Record<string, string>).map(read)
      const taken = needs.wanted.flatMap(one => certificates.filter(bytes => isTaken(one, bytes)))
      const hidden = wanted.signing_key === 1 || /^0+$/.test(wanted.chip_id)
      expect(needs.missing, file).toHaveLength(hidden ? 1 : 0)
      expect(taken, file).toHaveLength(hidden ? 0 : 1)
    }
  })
})

function isTaken(one: { read: (answer: Answer) => object }, bytes: Uint8Array): boolean {
  try {
    return Object.keys(one.read({ bytes, headers: new Headers() })).length === 1
  } catch {
    return false
  }
}
