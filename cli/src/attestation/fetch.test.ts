import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, expect, test } from 'vitest'
import {
  createDcapAuthority,
  createDstackAuthority,
  createNitroAuthority,
  createSnpAuthority,
  NOW,
  pemOf,
} from '../../../test/authority/index.ts'
import { runCommand } from '../../../test/e2e/command.ts'
import { type FetchOptions, fetchCollateral } from './fetch.ts'
import { verify } from './verify.ts'
import { collateralOf, SERVICES } from './wanted.ts'

const folder = mkdtempSync(join(tmpdir(), 'nacre-fetch-'))
const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const write = (name: string, content: Uint8Array | string): string => {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

type Answer = { body: Uint8Array; headers?: Record<string, string> }

/** A stand-in for a vendor's service: what it answers by path and query, and what it was asked. */
async function serve(answers: Record<string, Answer>): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = []
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    asked.push(path)
    const answer = answers[path]
    response.writeHead(answer ? 200 : 404, answer?.headers)
    response.end(answer?.body)
  })
  servers.push(server)
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

const run = (files: string[], options: FetchOptions) =>
  runCommand(out => fetchCollateral(files, options, out))

/** Intel's service, of the mock authority's collateral. */
async function serveIntel(tee: 'tdx' | 'sgx', files: ReadonlyMap<string, Uint8Array>, fmspc: string) {
  const chain = encodeURIComponent(Buffer.from(files.get('tcb_signing_chain.pem')!).toString())
  const signed = (name: string, header: string): Answer => ({
    body: files.get(name)!,
    headers: { [header]: chain },
  })
  return serve({
    '/IntelSGXRootCA.der': { body: files.get('root_ca.crl')! },
    '/sgx/certification/v4/pckcrl?ca=platform&encoding=der': { body: files.get('pck.crl')! },
    [`/${tee}/certification/v4/tcb?fmspc=${fmspc}`]: signed('tcb_info.json', 'TCB-Info-Issuer-Chain'),
    [`/${tee}/certification/v4/qe/identity`]: signed('qe_identity.json', 'SGX-Enclave-Identity-Issuer-Chain'),
  })
}

const fmspcOf = (tee: 'tdx' | 'sgx', quote: Uint8Array): string =>
  /fmspc=(\w+)/.exec(JSON.stringify(collateralOf(tee, quote, SERVICES)))![1]!

test.each(['tdx', 'sgx'] as const)(
  '%s: what is fetched is all that a quote needs, and when it expires is said',
  async tee => {
    const { quote, files, pin } = createDcapAuthority('fetch').issue({ time: NOW, tee })
    const service = await serveIntel(tee, files, fmspcOf(tee, quote))
    const [evidence, out] = [write(`${tee}.bin`, quote), join(folder, tee)]
    const fetched = await run([evidence, evidence], { tee, out, intel: service.url })
    expect(fetched.code).toBe(0)
    expect(service.asked).toHaveLength(4)
    expect(readdirSync(out).sort()).toEqual(
      fetched.value.files.map(({ name }: { name: string }) => name).sort(),
    )
    expect(fetched.value.files).toHaveLength(6)
    const ends = fetched.value.files.map(({ expires }: { expires: string }) => Date.parse(expires))
    expect(Date.parse(fetched.value.expires)).toBe(Math.min(...ends))
    const policy = write(`${tee}.json`, JSON.stringify({ version: 1, roots: [pin] }))
    const verified = await runCommand(output =>
      verify([evidence], { tee, at: String(NOW), collateral: [out], policy }, output),
    )
    expect(verified.value).toMatchObject({ ok: true, tcbStatus: 'UpToDate' })
  },
)

test('a bundle of dstack needs what its quote does', () => {
  const { bundle } = createDstackAuthority('fetch').issue({ time: NOW })
  expect(collateralOf('dstack', bundle, SERVICES).map(({ url }) => new URL(url).pathname)).toEqual([
    '/IntelSGXRootCA.der',
    '/sgx/certification/v4/pckcrl',
    '/tdx/certification/v4/tcb',
    '/tdx/certification/v4/qe/identity',
  ])
})

test.each(['Milan', 'Turin'] as const)('snp, %s: chain, list and the chip’s certificate', async line => {
  const authority = createSnpAuthority('fetch')
  const options = { time: NOW, line, version: 3 }
  const certificates = authority.certificates(options)
  const report = authority.report(options)
  const paths = collateralOf('snp', report, { ...SERVICES, amd: '' }).map(({ url }) => url)
  const [chain, list, vcek] = paths as [string, string, string]
  expect([chain, list]).toEqual([`/vcek/v1/${line}/cert_chain`, `/vcek/v1/${line}/crl`])
  const levels = {
    Milan: 'blSPL=03&teeSPL=01&snpSPL=08&ucodeSPL=115',
    Turin: 'fmcSPL=01&blSPL=02&teeSPL=03&snpSPL=04&ucodeSPL=81',
  }
  const id = 'c1'.repeat(line === 'Turin' ? 8 : 64)
  expect(vcek).toBe(`/vcek/v1/${line}/${id}?${levels[line]}`)
  const service = await serve({
    [chain]: { body: pemOf([certificates.get('ask.der')!, certificates.get('ark.der')!]) },
    [list]: { body: authority.crl(options) },
    [vcek]: { body: certificates.get('vek.der')! },
  })
  const [evidence, out] = [write(`${line}.bin`, report), join(folder, line)]
  expect((await run([evidence], { tee: 'snp', out, amd: service.url })).code).toBe(0)
  const policy = write(`${line}.json`, JSON.stringify({ version: 1, roots: [authority.pin] }))
  const verified = await runCommand(output =>
    verify([evidence], { tee: 'snp', at: String(NOW), collateral: [out], policy }, output),
  )
  expect(verified.value).toMatchObject({ ok: true, code: 'ok' })
})

test('a service that fails, answers too much or something else, is told, and its answer not kept', async () => {
  const { quote, files } = createDcapAuthority('fetch').issue({ time: NOW, tee: 'tdx' })
  const evidence = write('fails.bin', quote)
  const fails = async (answers: Record<string, Answer>, why: string) => {
    const { url } = await serve(answers)
    const out = join(folder, 'fails')
    await expect(run([evidence], { tee: 'tdx', out, intel: url })).rejects.toMatchObject({
      code: 'not-running',
      why: expect.stringContaining(why),
    })
    expect(readdirSync(out)).toEqual([])
  }
  await fails({}, '404')
  await fails({ '/IntelSGXRootCA.der': { body: new Uint8Array(1_048_577) } }, 'more than')
  await fails({ '/IntelSGXRootCA.der': { body: files.get('tcb_info.json')! } }, 'not what was asked for')
})

test('evidence that needs nothing, or does not say what, is refused before anything is asked', async () => {
  const nitro = write('nitro.bin', createNitroAuthority('fetch').issue({ time: NOW }))
  const snp = createSnpAuthority('fetch')
  const old = write('old.bin', snp.report({ time: NOW, version: 2 }))
  const masked = write('masked.bin', snp.report({ time: NOW, version: 3, chipId: new Uint8Array(64) }))
  for (const [tee, file] of [
    ['nitro', nitro],
    ['snp', old],
    ['snp', masked],
    ['tdx', nitro],
  ] as const)
    await expect(run([file], { tee, out: join(folder, 'none') })).rejects.toMatchObject({ code: 'bad-file' })
})
