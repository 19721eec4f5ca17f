import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { releasesAbi } from '@nacre/contracts'
import {
  encodeManifest,
  type Hex,
  manifestHash,
  measurementDigest,
  measurementsOf,
  releaseId,
  sha256,
  TEE_KIND,
  type TeeKind,
} from '@nacre/verify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Anvil, startAnvil } from '../../../host/src/processes/anvil.ts'
import { modelPath } from '../../../models/samples.ts'
import { runCommand } from '../../../test/e2e/command.ts'
import { createRegistrations, type Registrations } from '../../../test/registrations.ts'
import { writeRelease } from '../../../test/releaseFolder.ts'
import { create } from '../operator/keys.ts'
import type { PublisherOptions } from './chain.ts'
import { type PublishOptions, publish } from './publish.ts'
import { revoke } from './revoke.ts'

const dir = mkdtempSync(join(tmpdir(), 'nacre-publish-'))
let anvil: Anvil
let world: Registrations
let publisher: Hex

beforeAll(async () => {
  anvil = await startAnvil()
  world = await createRegistrations(anvil.rpcUrl, 0)
  publisher = world.wallet.account.address.toLowerCase() as Hex
  configure('config.json', world.privateKey)
})
afterAll(async () => {
  await anvil?.stop()
  rmSync(dir, { recursive: true, force: true })
})

function configure(name: string, privateKey: Hex): void {
  const privateKeyFile = join(dir, `${name}.key`)
  writeFileSync(privateKeyFile, privateKey, { mode: 0o600 })
  const release = { publisher, manifestHash: world.manifest }
  const agent = {
    ...{ rpcUrl: anvil.rpcUrl, databaseUrl: 'postgresql://127.0.0.1/none', stateDir: dir, privateKeyFile },
    ...{ deployment: world.deployment, imageDir: dir, artifacts: [modelPath('iris-ols')], release },
  }
  writeFileSync(join(dir, name), JSON.stringify(agent), { mode: 0o600 })
}

const settings = () => ({ state: join(dir, 'no-network'), config: join(dir, 'config.json') })
const published = (folder: string, options: Partial<PublishOptions> = {}) =>
  runCommand(output => publish(folder, { ...settings(), ...options }, output))
const revoked = (id: string, options: Partial<PublisherOptions & { yes: boolean }> = {}) =>
  runCommand(output => revoke(id, { ...settings(), ...options }, output))

const call = () => ({ address: world.deployment.releases, abi: releasesAbi })
const isMeasured = (id: Hex, kind: TeeKind, digest: Hex) =>
  world.client.readContract({ ...call(), functionName: 'isMeasured', args: [id, TEE_KIND[kind], digest] })
const releaseOf = (id: Hex) => world.client.readContract({ ...call(), functionName: 'releaseOf', args: [id] })

/** The node is of another chain from then on. */
const setChainId = (id: number) =>
  world.chain.request({ method: 'anvil_setChainId' as never, params: [id] as never })

/** A release of its own for each test. */
function release(name: string) {
  const manifest = writeRelease(join(dir, name), { kernel: name })
  const measurements = measurementsOf(manifest).map(one => ({
    kind: one.kind,
    digest: measurementDigest(one),
  }))
  return { folder: join(dir, name), id: releaseId(publisher, manifestHash(manifest)), manifest, measurements }
}
const snp = (byte: string) => ({ kind: 'snp' as const, digest: `0x${byte.repeat(32)}` as Hex })

test('a release is shown with its cost, listed once with all that it measures, and not a second time', async () => {
  const { folder, id, manifest, measurements } = release('first')
  const dry = await published(folder, { dryRun: true })
  expect(dry.value).toMatchObject({
    sent: [],
    release_id: id,
    manifest_hash: manifestHash(manifest),
    measurements,
  })
  expect(dry.text()).toMatch(/Publisher 0x.*\n.*list release 0x/)
  expect(dry.text()).toMatch(/about [\d,]+ gas, [\d.]+ ether/)
  await expect(published(folder)).rejects.toMatchObject({ code: 'not-confirmed' })
  expect((await published(folder, { yes: true })).value.sent).toHaveLength(1)
  for (const { kind, digest } of measurements) expect(await isMeasured(id, kind, digest)).toBe(true)
  const again = await published(folder, { yes: true })
  expect(again.value).toMatchObject({ planned: [], sent: [] })
  expect(again.text()).toContain('Nothing is missing')
})

test('what is missing of its measurements is added, each once', async () => {
  const { folder, id } = release('second')
  await published(folder, { yes: true })
  const more = [snp('11'), snp('22')].map(({ kind, digest }) => `${kind}:${digest}`)
  const first = await published(folder, { yes: true, measurement: more.slice(0, 1) })
  expect(first.value.planned).toEqual([`add snp 0x${'11'.repeat(32)}`])
  const second = await published(folder, { yes: true, measurement: [...more, ...more] })
  expect(second.value.planned).toEqual([`add snp 0x${'22'.repeat(32)}`])
  expect(await isMeasured(id, 'snp', snp('22').digest)).toBe(true)
})

test('a publisher without an agent names chain and keystore', async () => {
  const { folder, manifest } = release('third')
  const [keystore, passwordFile, deployment] = ['keystore.json', 'password', 'deployment.json'].map(name =>
    join(dir, name),
  ) as [string, string, string]
  writeFileSync(passwordFile, 'a password\n', { mode: 0o600 })
  writeFileSync(deployment, JSON.stringify(world.deployment))
  const { value } = await runCommand(output => create(keystore, { passwordFile }, output))
  const owner = value.address.toLowerCase() as Hex
  await world.chain.setBalance({ address: owner, value: 10n ** 18n })
  const named = {
    state: join(dir, 'no-network'),
    rpc: anvil.rpcUrl,
    deployment,
    keystore,
    passwordFile,
    yes: true,
  }
  const run = (options: PublishOptions) => runCommand(output => publish(folder, options, output))
  expect((await run(named)).value).toMatchObject({
    account: owner,
    release_id: releaseId(owner, manifestHash(manifest)),
    sent: { length: 1 },
  })
  const { keystore: _, ...without } = named
  await expect(run(without)).rejects.toMatchObject({ code: 'usage' })
  const { rpc: _rpc, ...half } = named
  await expect(run(half)).rejects.toMatchObject({ code: 'usage' })
})

test('on another chain nothing simulated is listed, whoever says which chain it is', async () => {
  const { folder, manifest, measurements } = release('elsewhere')
  const [keystore, passwordFile, deployment] = ['other.json', 'other.password', 'other.deployment.json'].map(
    name => join(dir, name),
  ) as [string, string, string]
  writeFileSync(passwordFile, 'a password\n', { mode: 0o600 })
  writeFileSync(deployment, JSON.stringify({ ...world.deployment, chainId: 8453 }))
  const { value } = await runCommand(output => create(keystore, { passwordFile }, output))
  await world.chain.setBalance({ address: value.address, value: 10n ** 18n })
  const named = { state: dir, rpc: anvil.rpcUrl, deployment, keystore, passwordFile, yes: true }
  const run = (more: Partial<PublishOptions> = {}, at = folder) =>
    runCommand(output => publish(at, { ...named, ...more }, output))
  // The deployment says another chain than the node.
  await expect(run()).rejects.toMatchObject({ code: 'wrong-chain' })
  await setChainId(8453)
  try {
    await expect(published(folder, { yes: true })).rejects.toMatchObject({ code: 'wrong-chain' })
    const [simulated] = measurements.filter(({ kind }) => kind === 'simulated')
    const { measurements: _, ...fields } = manifest
    const process = join(dir, 'process')
    mkdirSync(process)
    writeFileSync(join(process, 'a'), '')
    const empty = { path: 'a', sha256: sha256(new Uint8Array(0)), size: 0 }
    const folderManifest = encodeManifest({ ...fields, version: 1, files: [empty] })
    writeFileSync(join(process, 'manifest.json'), folderManifest)
    const refused = { code: 'bad-input', why: expect.stringContaining('31337') }
    await expect(run({}, process)).rejects.toMatchObject(refused)
    const given = [`simulated:${simulated!.digest}`]
    await expect(run({ measurement: given })).rejects.toMatchObject(refused)
    const { release_id: id, measurements: listed } = (await run()).value
    expect(listed).toEqual(measurements.filter(({ kind }) => kind === 'nitro'))
    expect(await isMeasured(id, 'nitro', listed[0].digest)).toBe(true)
    expect(await isMeasured(id, 'simulated', simulated!.digest)).toBe(false)
  } finally {
    await setChainId(31_337)
  }
})

test('a folder that is not what its manifest says is not published', async () => {
  const { folder, manifest } = release('changed')
  writeRelease(folder, { kernel: 'another', changeManifest: () => manifest })
  await expect(published(folder, { yes: true })).rejects.toMatchObject({
    code: 'bad-file',
    why: expect.stringContaining('measurement'),
  })
  await expect(published(join(dir, 'absent'), { yes: true })).rejects.toMatchObject({ code: 'bad-file' })
  await expect(published(release('listing').folder, { measurement: ['snp:1'] })).rejects.toMatchObject({
    code: 'bad-input',
  })
})

test('a release is revoked once, by its publisher alone, and nothing is added to it then', async () => {
  const { folder, id } = release('revoked')
  await expect(revoked(id, { yes: true })).rejects.toMatchObject({ why: expect.stringContaining('nobody') })
  await published(folder, { yes: true })
  await expect(revoked(id)).rejects.toMatchObject({ code: 'not-confirmed' })
  configure('stranger.json', `0x${'51'.repeat(32)}`)
  await expect(revoked(id, { config: join(dir, 'stranger.json'), yes: true })).rejects.toMatchObject({
    why: expect.stringContaining(publisher),
  })
  const first = await revoked(id, { yes: true })
  expect(first.value.sent).toHaveLength(1)
  expect(first.text()).toContain('cannot be taken back')
  expect((await releaseOf(id))[1]).toBe(true)
  expect((await revoked(id, { yes: true })).value).toMatchObject({
    already: [`release ${id} is revoked`],
    sent: [],
  })
  await expect(published(folder, { yes: true })).rejects.toMatchObject({ code: 'bad-input' })
  await expect(revoked('0x12')).rejects.toMatchObject({ code: 'bad-input' })
})
