import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { planRegistration, withReserve } from '@nacre/sdk/attest/registerEnclave'
import { userData } from '@nacre/verify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Anvil, startAnvil } from '../../../host/src/processes/anvil.ts'
import { modelPath } from '../../../models/samples.ts'
import { runCommand } from '../../../test/e2e/command.ts'
import { nacre, start } from '../../../test/e2e/nacre.ts'
import {
  type Attested,
  attestationJson,
  createRegistrations,
  type Registrations,
} from '../../../test/registrations.ts'
import { type RegisterOptions, register } from './register.ts'

// A chain of this file's own: tests stop it from mining.

const dir = mkdtempSync(join(tmpdir(), 'nacre-enclave-'))
const config = join(dir, 'config.json')
let anvil: Anvil
let world: Registrations
/** Seconds of the chain's time. */
let began: bigint

beforeAll(async () => {
  anvil = await startAnvil()
  world = await createRegistrations(anvil.rpcUrl, 0)
  began = (await world.client.getBlock()).timestamp
  writeConfig()
})
afterAll(async () => {
  await anvil?.stop()
  rmSync(dir, { recursive: true, force: true })
})

test('the plan is shown with gas, cost and certificates, sent, and nothing is sent the second time', async () => {
  const { attested, file } = await evidence('shown')
  const dry = await run({ evidence: file, dryRun: true })
  expect(dry.value).toMatchObject({
    receipt_key: attested.identity.receiptKey,
    tee: 'nitro',
    anchor: Number(attested.anchorNumber),
    certificates: { length: 4 },
    steps: [
      { what: 'register the key, and cache 4 certificates on the way', cached: 0, new: 4, measured: true },
    ],
    already: false,
    sent: [],
    registered: null,
  })
  for (const text of ['hints of signatures: 5 of 5', 'gwei', '0 cached, 4 new'])
    expect(dry.text).toContain(text)
  expect(dry.text).toMatch(/new +CN=mock zonal/)
  await expect(run({ evidence: file })).rejects.toMatchObject({ code: 'not-confirmed' })

  const sent = await run({ evidence: file, yes: true })
  expect(sent.value).toMatchObject({
    sent: { length: 1 },
    registered: { operator: attested.config.operator },
  })
  expect(sent.value.sent[0].gas).toBeLessThanOrEqual(dry.value.steps[0].gas)
  const again = await run({ evidence: file, yes: true })
  expect(again.value).toMatchObject({ already: true, steps: [], sent: [], registered: sent.value.registered })
  expect(again.text).toContain('registered until')
})

test('certificates that are cached are named as such, and cost less', async () => {
  const first = await evidence('first')
  await run({ evidence: first.file, yes: true })
  const second = await evidence('second', first.time)
  const { value, text } = await run({ evidence: second.file, yes: true })
  expect(value.steps).toMatchObject([{ what: 'register the key', cached: 4, new: 0 }])
  expect(text).toMatch(/cached.*CN=mock leaf/)
})

test('simulated evidence registers the same way', async () => {
  const attested = await world.attest({ tee: 'simulated', name: 'simulated' })
  const { value, text } = await run({
    evidence: write('simulated.json', attestationJson(attested)),
    yes: true,
  })
  expect(value).toMatchObject({ tee: 'simulated', sent: { length: 2 }, registered: expect.anything() })
  expect(text).toContain('SIMULATED')
})

test('what is registered comes from a file of its own, or from options; bytes are raw or hex', async () => {
  const { attested } = await evidence('input')
  const { identity } = attested
  const raw = write('raw.bin', attested.evidence)
  const hex = write('hex.txt', Buffer.from(attested.evidence).toString('hex'))
  const { evidence: _, ...told } = JSON.parse(attestationJson(attested))
  const registration = write('identity.json', JSON.stringify({ ...told, engine: 'onnxruntime' }))
  const planned = async (options: Partial<RegisterOptions>) =>
    (await run({ evidence: raw, dryRun: true, ...options })).value.configuration
  expect(await planned({ registration })).toBe(identity.configHash)
  expect(await planned({ evidence: hex, receiptKey: identity.receiptKey })).toBe(identity.configHash)
  const anchor = Number(attested.anchorNumber)
  expect(await planned({ receiptKey: identity.receiptKey, anchor })).toBe(identity.configHash)

  const refused = (options: Partial<RegisterOptions>, code: string) =>
    expect(planned(options)).rejects.toMatchObject({ code })
  await refused({}, 'bad-input')
  await refused({ registration, receiptKey: identity.receiptKey }, 'usage')
  await refused({ registration: raw }, 'bad-file')
  await refused({ registration: write('half.json', JSON.stringify({ identity })) }, 'bad-file')
  await refused({ evidence: write('none.json', '{}') }, 'bad-file')
  await refused({ evidence: join(dir, 'absent') }, 'bad-file')
  await refused({ receiptKey: '0x12' }, 'bad-input')
})

test('what is wrong is told with what was expected and found', async () => {
  const { attested, file } = await evidence('wrong')
  const other = { receiptKey: `0x${'77'.repeat(20)}` }
  const failed = run({ evidence: write('wrong.bin', attested.evidence), ...other, yes: true })
  await expect(failed).rejects.toMatchObject({ code: 'evidence-mismatch' })
  await expect(failed).rejects.toThrow(userData(attested.identity))
  await expect(run({ evidence: file, anchor: 1, yes: true })).rejects.toMatchObject({
    code: 'anchor-unavailable',
  })
  const late = await evidence('late', (await world.client.getBlock()).timestamp - 11_000n)
  await expect(run({ evidence: late.file, yes: true })).rejects.toMatchObject({
    code: 'bad-evidence',
    message: expect.stringContaining('was valid until'),
  })
  await expect(run({ evidence: file, maxGas: 30_000, yes: true })).rejects.toMatchObject({
    code: 'gas-limit',
  })
})

test('killed between two transactions, and stopped by Ctrl-C, it goes on where it stopped', async () => {
  const { file } = await evidence('stopped')
  const { value } = await run({ evidence: file, dryRun: true })
  const maxGas = Math.round(value.steps[0].gas * 0.6)
  const all = (await run({ evidence: file, maxGas, dryRun: true })).value.steps
  expect(all.length).toBeGreaterThanOrEqual(2)
  const args = [
    'enclave',
    'register',
    '--config',
    config,
    '--evidence',
    file,
    '--max-gas',
    `${maxGas}`,
    '--yes',
  ]

  await world.chain.setAutomine(false)
  const killed = start(args)
  await pendingIs(1)
  await killed.end('SIGKILL')
  const stopped = start([...args, '--json'])
  await world.chain.mine({ blocks: 1 })
  // The first transaction is mined: it sends the second.
  await pendingIs(1)
  expect(await stopped.end('SIGINT')).toBe(130)
  expect(stopped.stderr()).toContain('was sent and is not mined yet')
  expect(stopped.stderr()).toContain('run the same command again')
  await world.chain.mine({ blocks: 1 })
  await world.chain.setAutomine(true)

  const last = await run({ evidence: file, maxGas, yes: true })
  expect(last.value.sent).toHaveLength(all.length - 2)
  expect(last.value.registered).not.toBeNull()
})

test('that somebody else registers in between is a success', async () => {
  const { attested, file } = await evidence('overtaken')
  const plan = await planRegistration({ ...attested, client: world.client, deployment: world.deployment })
  await world.chain.setAutomine(false)
  const running = run({ evidence: file, yes: true })
  await pendingIs(1)
  const fees = { maxFeePerGas: 10n ** 12n, maxPriorityFeePerGas: 10n ** 12n }
  await world.stranger.writeContract({
    ...plan.steps[0]!.call,
    ...fees,
    gas: withReserve(plan.steps[0]!.gas),
  } as never)
  await world.chain.mine({ blocks: 1 })
  await world.chain.setAutomine(true)
  expect((await running).value).toMatchObject({
    sent: [],
    registered: { operator: attested.config.operator },
  })
})

test('help explains what is taken from where', async () => {
  const { code, stdout } = await nacre('enclave', 'register', '--help')
  expect(code).toBe(0)
  for (const text of ['--evidence', '--max-gas', '--dry-run', '/v1/identity']) expect(stdout).toContain(text)
})

/** Other certificates for each: they are as of other seconds. */
let age = 10n
async function evidence(
  name: string,
  time?: bigint,
): Promise<{ attested: Attested; file: string; time: bigint }> {
  age += 10n
  const at = time ?? began - age
  const attested = await world.attest({ name, time: at })
  return { attested, file: write(`${name}.json`, attestationJson(attested)), time: at }
}

async function run(options: Partial<RegisterOptions>) {
  const wanted = { state: join(dir, 'no-network'), config, evidence: '', ...options }
  const { code, value, text } = await runCommand(output => register(wanted, output))
  expect(code).toBe(0)
  return { value, text: text() }
}

async function pendingIs(count: number): Promise<void> {
  await expect
    .poll(async () => (await world.chain.getTxpoolStatus()).pending, { timeout: 30_000 })
    .toBe(count)
}

function write(name: string, content: string | Uint8Array): string {
  writeFileSync(join(dir, name), content)
  return join(dir, name)
}

function writeConfig(): void {
  const privateKeyFile = join(dir, 'key')
  writeFileSync(privateKeyFile, world.privateKey, { mode: 0o600 })
  const release = { publisher: world.wallet.account.address.toLowerCase(), manifestHash: world.manifest }
  const agent = {
    rpcUrl: anvil.rpcUrl,
    databaseUrl: 'postgresql://127.0.0.1/none',
    stateDir: dir,
    privateKeyFile,
    deployment: world.deployment,
    imageDir: dir,
    artifacts: [modelPath('iris-ols')],
    release,
  }
  writeFileSync(config, JSON.stringify(agent), { mode: 0o600 })
}
