import {
  fromHex,
  type Hex,
  splitSnpEvidence,
  toHex,
  userData,
  verifySnp,
  verifyTdx,
  ZERO_ADDRESS,
  ZERO_HASH,
} from '@nacre/verify'
import { afterEach, describe, expect, test } from 'vitest'
import { createDcapAuthority, createSnpAuthority, tableOf } from '../../../test/mock-authority/index.ts'
import { createTsmFolder, type TsmBehaviour, type TsmFolder } from '../../test/tsmFolder.ts'
import type { StartOptions } from '../config.ts'
import { createService, type Service } from '../service.ts'
import { tsmProvider } from './tsm.ts'

const TIME = 1_790_000_000n
const NONCE: Hex = `0x${'5a'.repeat(32)}`
const intel = createDcapAuthority('tsm')
const amd = createSnpAuthority('tsm')

const quoteOver = (reportData: Uint8Array) => intel.issue({ time: TIME, tee: 'tdx', td: { reportData } })
const reportOver = (reportData: Uint8Array) => amd.report({ time: TIME, reportData })
const TDX: TsmBehaviour = { report: inblob => ({ outblob: quoteOver(inblob).quote }) }
const SNP: TsmBehaviour = {
  provider: 'sev_guest',
  report: inblob => ({ outblob: reportOver(inblob), auxblob: new Uint8Array(0) }),
}

const folders: TsmFolder[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) folder.close()
})

function folderOf(behaviour: TsmBehaviour): TsmFolder {
  const folder = createTsmFolder(behaviour)
  folders.push(folder)
  return folder
}

/** An enclave on a machine that behaves like this. */
function serviceOn(evidence: 'tdx' | 'snp', tsm: TsmFolder): Service {
  const limits = { maxInput: 1000, maxOutput: 1000 }
  const options: StartOptions = {
    version: 1,
    config: {
      version: 1,
      chainId: 31_337n,
      registry: ZERO_ADDRESS,
      operator: ZERO_ADDRESS,
      releaseId: ZERO_HASH,
      ...limits,
    },
    evidence,
    sockets: { channel: '/nowhere' },
    engine: { maxArtifacts: 1, maxArtifactBytes: 1000 },
  }
  return createService(options, 'engine', 'none', { tsm, dstack: '/nowhere' })
}

/** What the report has to be over: of the enclave's own identity, and the nonce. */
const reportDataOf = (service: Service) => userData(service.identity().identity).slice(2) + NONCE.slice(2)

describe('evidence verifies, and binds key and nonce', () => {
  test('a TDX quote', async () => {
    const tsm = folderOf(TDX)
    const service = serviceOn('tdx', tsm)
    const { evidence } = await service.attest(NONCE)
    expect(evidence.kind).toBe('tdx')
    const { files, pin } = quoteOver(new Uint8Array(64))
    const verdict = verifyTdx(fromHex(evidence.bytes), files, TIME, { version: 1, roots: [pin] })
    expect(verdict.checks.filter(({ ok }) => !ok)).toEqual([])
    expect(verdict).toMatchObject({ code: 'ok', reportData: reportDataOf(service) })
  })

  const certificates = amd.certificates({ time: TIME })
  const table = tableOf([...certificates.values()])
  const tables: [string, Uint8Array | undefined][] = [
    ['with the host’s certificates', table],
    ['without certificates', new Uint8Array(0)],
    ['of a kernel that knows none', undefined],
  ]
  test.each(tables)('an SEV-SNP report %s', async (_, auxblob) => {
    const report = (inblob: Uint8Array) => ({ outblob: reportOver(inblob), ...(auxblob && { auxblob }) })
    const tsm = folderOf({ provider: 'sev_guest', report })
    const service = serviceOn('snp', tsm)
    const { evidence } = await service.attest(NONCE)
    const split = splitSnpEvidence(fromHex(evidence.bytes))
    const files = auxblob?.length ? split.collateral : certificates
    const verdict = verifySnp(split.report, files, TIME, { version: 1, roots: [amd.pin] })
    expect(verdict.checks.filter(({ ok }) => !ok)).toEqual([])
    expect(verdict).toMatchObject({ code: 'ok', reportData: reportDataOf(service) })
    expect(split.collateral.size).toBe(auxblob?.length ? 1 : 0)
  })

  test('calls at the same time each have a report of their own', async () => {
    const service = serviceOn('tdx', folderOf(TDX))
    const nonces = [1, 2, 3].map(byte => toHex(new Uint8Array(32).fill(byte)))
    const all = await Promise.all(nonces.map(nonce => service.attest(nonce)))
    for (const [i, { evidence }] of all.entries()) expect(evidence.bytes).toContain(nonces[i]!.slice(2))
  })

  test('a nonce that does not fill its half is refused before anything is made', async () => {
    const tsm = folderOf({ report: () => expect.unreachable() })
    const job = { nonce: '0x01' } as unknown as Parameters<Service['infer']>[0]
    for (const nonce of ['0x01', `0x${'00'.repeat(33)}`] as Hex[])
      await expect(serviceOn('tdx', tsm).attest(nonce)).rejects.toMatchObject({ code: 'malformed-job' })
    await expect(serviceOn('snp', tsm).infer(job)).rejects.toMatchObject({ code: 'malformed-job' })
  })
})

test('after a race another report is made, and after three none', async () => {
  const twice = folderOf({ ...TDX, races: 2 })
  const service = serviceOn('tdx', twice)
  expect((await service.attest(NONCE)).evidence.bytes).toContain(reportDataOf(service))
  const always = folderOf({ ...TDX, races: 3 })
  await expect(serviceOn('tdx', always).attest(NONCE)).rejects.toMatchObject({
    code: 'security-module',
    message: expect.stringContaining('3 times'),
  })
})

const big = (size: number) => ({ outblob: new Uint8Array(size).fill(1) })
const wrong: [string, 'tdx' | 'snp', TsmBehaviour, RegExp][] = [
  ['another TEE’s machine', 'tdx', SNP, /of sev_guest, not of tdx_guest/],
  ['a TDX machine, told to be SEV-SNP', 'snp', TDX, /of tdx_guest, not of sev_guest/],
  ['a machine of a kind yet to come', 'tdx', { ...TDX, provider: 'arm_cca_guest' }, /arm_cca_guest/],
  ['a name without an end', 'tdx', { ...TDX, provider: 'x'.repeat(100) }, /more than 64 bytes/],
  ['an empty quote', 'tdx', { report: () => big(0) }, /empty quote/],
  ['a quote over the bound', 'tdx', { report: () => big(16_385) }, /more than 16384 bytes/],
  ['half a report', 'snp', { ...SNP, report: () => big(592) }, /a report of 592 bytes/],
  ['a report and more', 'snp', { ...SNP, report: () => big(1185) }, /more than 1184 bytes/],
  [
    'a table over the bound',
    'snp',
    { ...SNP, report: inblob => ({ ...SNP.report(inblob), auxblob: new Uint8Array(16_385) }) },
    /more than 16384 bytes/,
  ],
  [
    'a platform that fails',
    'tdx',
    {
      report: () => {
        throw new Error('EIO: the platform')
      },
    },
    /EIO/,
  ],
]
test.each(wrong)('%s is no evidence', async (_, kind, behaviour, message) => {
  const tsm = folderOf(behaviour)
  await expect(serviceOn(kind, tsm).attest(NONCE)).rejects.toMatchObject({
    code: 'security-module',
    message: expect.stringMatching(message),
  })
})

test('a machine without configfs-tsm is no evidence', async () => {
  const attest = tsmProvider('tdx', { folder: '/nowhere/tsm/report' })
  await expect(attest(new Uint8Array(32), new Uint8Array(32))).rejects.toMatchObject({
    code: 'security-module',
    message: expect.stringContaining('ENOENT'),
  })
})

test('a quoting enclave that never answers holds one call up, not those after it', async () => {
  const tsm = folderOf({ ...TDX, silent: true })
  const attest = tsmProvider('tdx', { ...tsm, timeoutMs: 200 })
  const call = () => attest(new Uint8Array(32), new Uint8Array(32))
  const refused = { code: 'security-module', message: expect.stringContaining('does not answer') }
  await expect(call()).rejects.toMatchObject(refused)
  await Promise.all([1, 2, 3].map(() => expect(call()).rejects.toMatchObject(refused)))
  // The one that hangs alone holds a thread: the others did not begin.
  expect(tsm.asked()).toBe(1)
})
