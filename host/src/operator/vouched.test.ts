import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { enclaveRegistryAbi, verifierEnclaveAbi } from '@nacre/contracts'
import {
  type CollateralFiles,
  concat,
  type Evidence,
  evidenceMeasurement,
  fromHex,
  type Hex,
  type Tee,
  toHex,
  userData,
  verifierOf,
  ZERO_ADDRESS,
} from '@nacre/verify'
import { parseDstackBundle } from '@nacre/verify/attest/dstackBundle'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createDstackAuthority } from '../../../test/mock-authority/index.ts'
import { CASE_POLICIES, CASES } from '../../../vectors/statements/generate.ts'
import {
  createVerifierNetwork,
  type OperatorAccount,
  type VerifierNetwork,
} from '../../testing/verifierNetwork.ts'
import { simulatedDriver } from '../drivers/simulated.ts'
import { checkClaims, claimKey } from './claims.ts'
import type { Launched } from './enclaves.ts'
import { type RegisterOptions, register } from './register.ts'
import { checkVerifiers, type VouchedKind } from './vouched.ts'

/** What an enclave of a kind says of itself, over 64 bytes of report data, and what judging that needs. */
type Made = { bytes: Uint8Array; files: CollateralFiles }
type Make = (reportData: Uint8Array, time: bigint) => Made

/** Under the same root as the other quotes. */
const dstack = createDstackAuthority('nacre vectors intel')
const MAKE: Record<VouchedKind, Make> = {
  tdx: (reportData, issued) => {
    const { evidence, collateral } = CASES.tdx({ reportData, issued })
    return { bytes: evidence, files: collateral }
  },
  snp: (reportData, issued) => {
    const { evidence, collateral } = CASES.snp({ reportData, issued })
    return { bytes: evidence, files: collateral }
  },
  dstack: (reportData, time) => {
    const { bundle, files } = dstack.issue({ time, quote: { td: { reportData } } })
    return { bytes: bundle, files }
  },
}
const KIND = { tdx: 3, snp: 4, dstack: 3 } as const

let network: VerifierNetwork
let account: OperatorAccount

beforeAll(async () => {
  const tdx = [digestOf('tdx', 'tdx', MAKE.tdx), digestOf('tdx', 'dstack', MAKE.dstack)]
  network = await createVerifierNetwork({ measured: { tdx, snp: [digestOf('snp', 'snp', MAKE.snp)] } })
  account = await network.createAccount()
})

afterAll(() => network?.close())

/** As a release lists it. */
function digestOf(tee: Tee & ('tdx' | 'snp'), kind: VouchedKind, make: Make): Hex {
  const time = now()
  const { bytes, files } = make(new Uint8Array(64), time)
  const evidence = kind === 'dstack' ? parseDstackBundle(bytes).quote : bytes
  return evidenceMeasurement(tee, verifierOf(tee)(evidence, files, time, CASE_POLICIES[tee]).measurements)
}

function now(): bigint {
  return BigInt(Math.floor(Date.now() / 1000))
}

/** An enclave of the image, started by a driver whose platform makes evidence of a kind. */
async function launch(kind: VouchedKind): Promise<Launched> {
  const driver = { ...simulatedDriver, assurance: 'tee' as const }
  const enclave = await network.launch(account.operator, driver)
  const bound = fromHex(userData(enclave.identity))
  const attest = async (nonce: Hex): Promise<Evidence> => {
    const { timestamp } = await network.client.getBlock()
    return { kind, bytes: toHex(MAKE[kind](concat(bound, fromHex(nonce)), timestamp).bytes) }
  }
  return { ...enclave, attest }
}

/** A folder as `nacre attestation collateral fetch` leaves it. */
function collateralOf(kind: VouchedKind, name: string, time: bigint = now()): string {
  const folder = join(network.dir, name)
  mkdirSync(join(folder, '.fetch-left'), { recursive: true })
  const { files } = MAKE[kind](new Uint8Array(64), time)
  for (const [file, bytes] of files) writeFileSync(join(folder, file), bytes)
  writeFileSync(join(folder, 'expiry.json'), '{"expires":"","files":{}}')
  return folder
}

const urls = () => network.vouching.map(({ url }) => url)

function optionsOf(
  { identity, config, attest }: Launched,
  collateralDir: string,
  changes: Partial<RegisterOptions> = {},
): RegisterOptions {
  return {
    client: network.client,
    transactions: account.transactions,
    contracts: { enclaveRegistry: network.registry },
    ...{ identity, config, attest },
    verifiers: { urls: urls(), collateralDir },
    ...changes,
  }
}

function keyOf({ identity, config }: Launched) {
  return network.client.readContract({
    ...{ address: network.registry, abi: enclaveRegistryAbi, functionName: 'keyOf' },
    args: [identity.receiptKey, config.releaseId, identity.configHash],
  })
}

function nonceOf(): Promise<number> {
  return network.client.getTransactionCount({ address: account.operator })
}

test.each(['tdx', 'snp', 'dstack'] as const)(
  'evidence of kind %s is registered by one transaction, which two enclaves vouch for',
  async kind => {
    const enclave = await launch(kind)
    const before = await nonceOf()
    const { evidence, time } = await register(optionsOf(enclave, collateralOf(kind, kind)))
    expect(evidence.kind).toBe(kind)
    expect(await keyOf(enclave)).toMatchObject({
      ...{ kind: KIND[kind], assurance: 2, revoked: false, evidenceTime: time },
    })
    expect(await nonceOf()).toBe(before + 1)
  },
)

test('verifiers that are away, or that do not count, are asked again, with nothing sent before', async () => {
  const [one, two] = network.vouching
  const enclave = await launch('tdx')
  const before = await nonceOf()
  const told: string[] = []
  await one.leave()
  await network.accept(network.verifiers.tdx, two.operator, false)
  const running = register(
    optionsOf(enclave, collateralOf('tdx', 'away'), {
      onRetry: error => told.push(`${(error as Error & { code: string }).code} ${(error as Error).message}`),
    }),
  )
  await expect.poll(() => told[0]).toMatch(/^VERIFIERS_UNAVAILABLE .*does not answer/)
  await one.return()
  await expect.poll(() => told.at(-1), { timeout: 30_000 }).toContain('OperatorNotAccepted')
  expect(told.every(text => text.startsWith('VERIFIERS_UNAVAILABLE'))).toBe(true)
  expect(await nonceOf()).toBe(before)
  await network.accept(network.verifiers.tdx, two.operator)
  await running
  expect((await keyOf(enclave)).kind).toBe(KIND.tdx)
  expect(await nonceOf()).toBe(before + 1)
})

test('a verifier’s operator that never stops sending is cut off, and does not keep two others from vouching', async () => {
  let sent = 0
  const flood = createServer((_, response) => {
    const pump = () => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536, ' '))) sent += 65_536
    }
    response.on('drain', pump).on('error', () => {})
    pump()
  }).listen(0, '127.0.0.1')
  await once(flood, 'listening')
  const url = `http://127.0.0.1:${(flood.address() as AddressInfo).port}`
  const enclave = await launch('tdx')
  const collateralDir = collateralOf('tdx', 'flood')
  const ended = new AbortController()
  const told = Promise.withResolvers<unknown>()
  const alone = { verifiers: { urls: [url, url], collateralDir }, ended: ended.signal, onRetry: told.resolve }
  const running = expect(register(optionsOf(enclave, collateralDir, alone))).rejects.toThrow()
  expect(await told.promise).toMatchObject({
    code: 'VERIFIERS_UNAVAILABLE',
    message: expect.stringContaining('sent more than 8388608 bytes'),
  })
  ended.abort()
  await running
  expect(sent).toBeLessThan(2 * 32 * 2 ** 20)
  await register(optionsOf(enclave, collateralDir, { verifiers: { urls: [url, ...urls()], collateralDir } }))
  expect((await keyOf(enclave)).kind).toBe(KIND.tdx)
  flood.close()
  flood.closeAllConnections()
})

test('collateral that is old, or not there, is told, and renewed while the enclave waits', async () => {
  const enclave = await launch('tdx')
  const told: string[] = []
  const folder = collateralOf('tdx', 'old', now() - 90n * 86_400n)
  const onRetry = (error: unknown) => told.push((error as { code: string }).code + String(error))
  const running = register(optionsOf(enclave, folder, { onRetry }))
  await expect
    .poll(() => told[0], { timeout: 30_000 })
    .toMatch(/^EVIDENCE_REJECTED.*(stale-collateral|expired)/)
  collateralOf('tdx', 'old')
  await running
  expect((await keyOf(enclave)).kind).toBe(KIND.tdx)

  const missing = { urls: urls(), collateralDir: join(network.dir, 'nothing') }
  const { client, registry } = network
  await expect(checkVerifiers(client, registry, 'tdx', missing)).rejects.toMatchObject({
    ...{ name: 'FatalError', code: 'CONFIG_INVALID' },
  })
})

test('evidence that is not what it is called, or too long, is refused, and no agent ends by it', async () => {
  const enclave = await launch('tdx')
  const before = await nonceOf()
  const wrong: Evidence[] = [
    { kind: 'dstack', bytes: '0x00' },
    { kind: 'dstack', bytes: toHex(new TextEncoder().encode('{"quote":"00","event_log":[{"imr":3}]}')) },
    { kind: 'tdx', bytes: toHex(new Uint8Array(65_537)) },
    { kind: 'snp', bytes: '0x' },
  ]
  for (const evidence of wrong) {
    const ended = new AbortController()
    const changes = { attest: async () => evidence, ended: ended.signal, onRetry: () => ended.abort() }
    const running = register(optionsOf(enclave, collateralOf('tdx', 'wrong'), changes))
    await expect(running, evidence.kind).rejects.toMatchObject({
      ...{ name: 'RetryableError', code: 'EVIDENCE_REJECTED' },
    })
  }
  expect(await nonceOf()).toBe(before)
})

test('an enclave that ends while it waits for verifiers is not registered', async () => {
  const enclave = await launch('tdx')
  const before = await nonceOf()
  const ended = new AbortController()
  const retried = Promise.withResolvers<void>()
  const nobody = {
    urls: ['http://127.0.0.1:1', 'http://127.0.0.2:1'],
    collateralDir: collateralOf('tdx', 'end'),
  }
  const onRetry = () => retried.resolve()
  const running = register(optionsOf(enclave, '', { verifiers: nobody, ended: ended.signal, onRetry }))
  const outcome = expect(running).rejects.toMatchObject({ code: 'VERIFIERS_UNAVAILABLE' })
  await retried.promise
  ended.abort(new Error('it ended'))
  await outcome
  expect(await nonceOf()).toBe(before)
})

test('a registry whose verifier is none of verdicts is refused before anything starts', async () => {
  const verifiers = { urls: urls(), collateralDir: collateralOf('snp', 'checked') }
  const { client, registry } = network
  await checkVerifiers(client, registry, 'snp', verifiers)
  await checkVerifiers(client, registry, 'dstack', verifiers)
  const other = await network.deployRegistry()
  await expect(checkVerifiers(client, other, 'tdx', verifiers)).rejects.toMatchObject({
    ...{ name: 'FatalError', code: 'CONFIG_INVALID', message: expect.stringContaining('no verifier of tdx') },
  })
})

test('the keys of enclaves that judge are claimed, once', async () => {
  const [{ operator, transactions, enclave }] = network.vouching
  const claims = Object.values(network.verifiers)
  const { receiptKey } = enclave.identity
  for (const address of claims)
    expect(
      await network.client.readContract({
        ...{ address, abi: verifierEnclaveAbi, functionName: 'isClaimed', args: [operator, receiptKey] },
      }),
    ).toBe(true)
  const count = () => network.client.getTransactionCount({ address: operator })
  const before = await count()
  await claimKey({ client: network.client, transactions, claims, operator, identity: enclave.identity })
  expect(await count()).toBe(before)
})

test('claims name VerifierEnclaves of this registry; of those that do not name the operator it is told', async () => {
  const { client, registry, verifiers, vouching } = network
  const claims = Object.values(verifiers)
  const check = (changes: object) =>
    checkClaims(client, { claims, operator: vouching[0].operator, registry, ...changes })
  expect(await check({})).toEqual([])
  expect(await check({ operator: account.operator })).toEqual(claims)
  for (const wrong of [ZERO_ADDRESS, registry])
    await expect(check({ claims: [wrong] })).rejects.toMatchObject({
      ...{ name: 'FatalError', code: 'CONFIG_INVALID' },
    })
  await expect(check({ registry: ZERO_ADDRESS })).rejects.toMatchObject({
    why: `It counts keys of ${registry}.`,
  })
})
