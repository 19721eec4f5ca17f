import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TeeKind } from '@nacre/verify'
import { expect, test } from 'vitest'
import { parseConfig } from '../common/config.ts'
import { hasEnclave, operatorConfig } from './config.ts'
import { operatorSchema } from './schema.ts'
import { teeIssues } from './teeConfig.ts'

const ROOT = join(import.meta.dirname, '../../..')
const address = `0x${'11'.repeat(20)}`
const hash = `0x${'22'.repeat(32)}`

/** Every field that has no default. */
const LEAST = {
  rpcUrl: 'http://127.0.0.1:8545',
  databaseUrl: 'postgresql://127.0.0.1/nacre',
  stateDir: '/var/lib/nacre',
  deployment: {
    chainId: 31337,
    genesisHash: hash,
    enclaveRegistry: address,
    operators: address,
    relay: address,
    block: 1,
  },
  imageDir: '/opt/nacre/image',
  artifacts: ['/opt/nacre/iris.onnx'],
  release: { publisher: address, manifestHash: hash },
}
const KEYSTORE = { keystoreFile: '/etc/nacre/key.json', passwordFile: '/etc/nacre/password' }
const PLAIN = { privateKeyFile: '/etc/nacre/key' }

const read = (changes: object) => parseConfig(operatorConfig, { ...LEAST, ...changes }, 'test')

test('a key is a keystore with a password file, or on a development chain a plain file', () => {
  expect(read({ ...KEYSTORE, $schema: './operator.schema.json' })).toMatchObject(KEYSTORE)
  expect(read(PLAIN)).toMatchObject(PLAIN)
  const other = { deployment: { ...LEAST.deployment, chainId: 1 } }
  expect(() => read({ ...PLAIN, ...other })).toThrow('nacre operator key import')
  for (const keys of [
    {},
    { keystoreFile: KEYSTORE.keystoreFile },
    { passwordFile: KEYSTORE.passwordFile },
    { ...KEYSTORE, ...PLAIN },
    { ...PLAIN, passwordFile: KEYSTORE.passwordFile },
  ])
    expect(() => read(keys), JSON.stringify(keys)).toThrow('keystoreFile')
})

test('an enclave with simulated evidence runs for development chains alone', () => {
  const other = { deployment: { ...LEAST.deployment, chainId: 1 } }
  for (const driver of ['simulated', 'qemu'])
    expect(() => read({ ...KEYSTORE, ...other, tee: { driver } })).toThrow('its evidence is simulated')
  expect(read({ ...PLAIN, tee: { driver: 'qemu' } }).tee).toEqual({ driver: 'qemu' })
  expect(read(PLAIN).tee).toEqual({ driver: 'simulated' })
})

test('a machine is described to those drivers that make one', () => {
  const tee = { driver: 'qemu', memoryMb: 2048, cpus: 2 }
  expect(read({ ...PLAIN, tee }).tee).toEqual(tee)
  for (const wrong of [
    { cpus: 2 },
    { driver: 'qemu', firmware: '/OVMF.fd' },
    { driver: 'dstack', memoryMb: 512 },
  ])
    expect(() => read({ ...PLAIN, tee: wrong }), JSON.stringify(wrong)).toThrow('is not used by the driver')
  for (const wrong of [
    { memoryMb: 0 },
    { cpus: 0.5 },
    { driver: 'snp', firmware: 'OVMF.fd' },
    { driver: 'sgx' },
  ])
    expect(() => read({ ...PLAIN, tee: wrong }), JSON.stringify(wrong)).toThrow('tee')
})

test('evidence that no contract verifies needs two who vouch, and collateral; of other evidence neither is asked', () => {
  const verifiers = ['https://one.example', 'https://two.example']
  const collateralDir = '/var/lib/nacre/collateral'
  const fields = (kind: TeeKind, tee: object) => teeIssues(kind, tee).map(({ path }) => path.join('.'))
  for (const kind of ['tdx', 'snp'] as const) {
    expect(fields(kind, { verifiers, collateralDir })).toEqual([])
    expect(fields(kind, {})).toEqual(['tee.verifiers', 'tee.collateralDir'])
    const one = ['https://one.example', 'https://one.example/path']
    expect(fields(kind, { verifiers: one, collateralDir })).toEqual(['tee.verifiers'])
  }
  for (const kind of ['simulated', 'nitro'] as const) {
    expect(fields(kind, {})).toEqual([])
    expect(fields(kind, { verifiers, collateralDir })).toEqual(['tee.verifiers', 'tee.collateralDir'])
  }
  for (const driver of ['tdx', 'snp', 'dstack']) {
    expect(() => read({ ...PLAIN, tee: { driver, collateralDir } })).toThrow('tee.verifiers')
    expect(read({ ...PLAIN, tee: { driver, verifiers, collateralDir } }).tee).toMatchObject({ verifiers })
  }
  expect(() => read({ ...PLAIN, tee: { verifiers } })).toThrow('tee.verifiers: is not used')
  expect(() => read({ ...PLAIN, tee: { verifiers: ['ftp://one.example'] } })).toThrow('http or https')
  expect(() => read({ ...PLAIN, tee: { collateralDir: 'here' } })).toThrow('absolute')
})

test('claims are addresses of contracts, each once', () => {
  expect(read(PLAIN).claims).toEqual([])
  expect(read({ ...PLAIN, claims: [`0x${'AB'.repeat(20)}`] }).claims).toEqual([`0x${'ab'.repeat(20)}`])
  for (const claims of [['0x12'], [address, address]])
    expect(() => read({ ...PLAIN, claims })).toThrow('claims')
})

test('an operator with networks to prove needs no enclave, and has all of one or nothing of it', () => {
  const zk = [{ container: '/m.nzkm', provingKey: '/m.zkey', verifyingKey: '/m.nzkg' }]
  const { imageDir, artifacts, release, ...least } = LEAST
  const parse = (changes: object) => parseConfig(operatorConfig, { ...least, ...PLAIN, ...changes }, 'test')
  expect(hasEnclave(parse({ zk }))).toBe(false)
  expect(hasEnclave(parse({ zk, imageDir, artifacts, release }))).toBe(true)
  expect(read(PLAIN).zk).toEqual([])
  expect(() => parse({})).toThrow('artifacts')
  expect(() => parse({ zk: [] })).toThrow('artifacts')
  for (const part of [{ imageDir, release }, { release }, { imageDir }])
    expect(() => parse({ zk, ...part }), JSON.stringify(part)).toThrow('artifacts')
  for (const part of [{ artifacts }, { artifacts, imageDir }, { artifacts, release }])
    expect(() => parse({ zk, ...part }), JSON.stringify(part)).toThrow('imageDir')
  expect(() => parse({ zk: [{ ...zk[0], container: 'm.nzkm' }] })).toThrow('absolute')
  const payments = { least: { [address]: 1 } }
  const deployment = { ...least.deployment, balances: address }
  expect(() => parse({ zk, payments, deployment })).toThrow('payments.least')
})

test('vouchers are taken with a token and the contract that pays, and are not demanded without', () => {
  const payments = { least: { [address]: 1 }, required: true }
  const deployment = { ...LEAST.deployment, balances: address }
  expect(read({ ...PLAIN, payments, deployment }).payments).toMatchObject({ required: true, batchSize: 64 })
  expect(read(PLAIN).payments).toMatchObject({ required: false, least: {} })
  expect(() => read({ ...PLAIN, payments })).toThrow('deployment.balances')
  expect(() => read({ ...PLAIN, deployment, payments: { required: true } })).toThrow('payments.least')
})

test('limits are those that the registry takes', () => {
  const least = 65_536
  expect(read({ ...PLAIN, maxInput: least, maxOutput: least })).toMatchObject({ maxInput: least })
  for (const field of ['maxInput', 'maxOutput'])
    expect(() => read({ ...PLAIN, [field]: least - 1 }), field).toThrow(field)
})

test('docs/operator.schema.json is the schema that the configuration is checked by', () => {
  expect(JSON.parse(readFileSync(join(ROOT, 'docs/operator.schema.json'), 'utf8'))).toEqual(operatorSchema())
})

test('docs/operating.md has a row for every field', () => {
  const page = readFileSync(join(ROOT, 'docs/operating.md'), 'utf8')
  const [table = ''] = page.slice(page.indexOf('Configuration, one JSON object')).split('\n## ')
  const rows = [...table.matchAll(/^\| (`[^|]+) \|/gm)].flatMap(
    ([, names = '']) => names.match(/\$?\w+/g) ?? [],
  )
  const { properties } = operatorSchema() as { properties: object }
  expect(rows.sort()).toEqual(Object.keys(properties).sort())
})
