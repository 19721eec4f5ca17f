import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { verifierEnclaveAbi, verifierEnclaveBytecode } from '@nacre/contracts'
import type { Hex } from '@nacre/verify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Anvil, startAnvil } from '../../../host/src/processes/anvil.ts'
import { modelPath } from '../../../models/samples.ts'
import { runCommand } from '../../../test/e2e/command.ts'
import { createRegistrations, type Registrations } from '../../../test/registrations.ts'
import { type ClaimOptions, claim } from './claim.ts'

const dir = mkdtempSync(join(tmpdir(), 'nacre-claim-'))
const KEY: Hex = `0x${'5a'.repeat(20)}`
let anvil: Anvil
let world: Registrations
let verifier: Hex

beforeAll(async () => {
  anvil = await startAnvil()
  world = await createRegistrations(anvil.rpcUrl, 0)
  verifier = await deployed(world.deployment.enclaveRegistry)
  const privateKeyFile = join(dir, 'key')
  writeFileSync(privateKeyFile, world.privateKey, { mode: 0o600 })
  const release = { publisher: world.wallet.account.address.toLowerCase(), manifestHash: world.manifest }
  const agent = {
    ...{ rpcUrl: anvil.rpcUrl, databaseUrl: 'postgresql://127.0.0.1/none', stateDir: dir, privateKeyFile },
    ...{ deployment: world.deployment, imageDir: dir, artifacts: [modelPath('iris-ols')], release },
  }
  writeFileSync(join(dir, 'config.json'), JSON.stringify(agent), { mode: 0o600 })
})
afterAll(async () => {
  await anvil?.stop()
  rmSync(dir, { recursive: true, force: true })
})

async function deployed(registry: Hex): Promise<Hex> {
  const args = [registry, 3, `0x${'00'.repeat(32)}`, world.wallet.account.address] as const
  const contract = { abi: verifierEnclaveAbi, bytecode: verifierEnclaveBytecode, args }
  const hash = await world.wallet.deployContract(contract as never)
  const { contractAddress } = await world.client.waitForTransactionReceipt({ hash })
  return (contractAddress as Hex).toLowerCase() as Hex
}

const isClaimed = () =>
  world.client.readContract({
    ...{ address: verifier, abi: verifierEnclaveAbi, functionName: 'isClaimed' },
    args: [world.wallet.account.address, KEY],
  })

async function run(options: Partial<ClaimOptions>, key: string = KEY) {
  const wanted = { state: join(dir, 'no-network'), config: join(dir, 'config.json'), verifier, ...options }
  const { code, value, text } = await runCommand(output => claim(key, wanted, output))
  expect(code).toBe(0)
  return { value, text: text() }
}

test('a claim is shown, sent once, and told when the contract does not name the operator', async () => {
  const dry = await run({ dryRun: true })
  expect(dry.value).toMatchObject({ planned: [`claim the key ${KEY}`], sent: [], receipt_key: KEY, verifier })
  expect(dry.text).toContain('does not name this operator')
  await expect(run({})).rejects.toMatchObject({ code: 'not-confirmed' })
  expect(await isClaimed()).toBe(false)
  expect((await run({ yes: true })).value.sent).toHaveLength(1)
  expect(await isClaimed()).toBe(true)
  expect((await run({ yes: true })).value).toMatchObject({ planned: [], sent: [] })
})

test('what is no VerifierEnclave of this registry, and no key, is refused', async () => {
  const refused = (options: Partial<ClaimOptions>, key?: string) =>
    expect(run({ yes: true, ...options }, key)).rejects.toMatchObject({ code: 'bad-input' })
  await refused({ verifier: KEY })
  await refused({ verifier: world.deployment.enclaveRegistry })
  await refused({ verifier: await deployed(KEY) })
  await refused({ verifier: '0x12' })
  await refused({}, '0x12')
})
