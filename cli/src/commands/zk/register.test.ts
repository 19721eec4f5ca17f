import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { zkVerifiersAbi } from '@nacre/contracts'
import { graphBuilder } from '@nacre/proofs/zk/graph/build'
import { developmentSetup } from '@nacre/proofs/zk/groth16/developmentSetup'
import { emitCircuit } from '@nacre/proofs/zk/groth16/emit'
import { endSnarkjs } from '@nacre/proofs/zk/groth16/snarkjs'
import { sha256 } from '@nacre/verify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Anvil, startAnvil } from '../../../../host/src/processes/anvil.ts'
import { modelPath } from '../../../../models/samples.ts'
import { runCommand } from '../../../../test/e2e/command.ts'
import { createRegistrations, type Registrations } from '../../../../test/registrations.ts'
import { create } from '../../operator/keys.ts'
import { type RegisterOptions, register } from './register.ts'

const dir = mkdtempSync(join(tmpdir(), 'nacre-register-'))
const keyPath = join(dir, 'model.nzkg')
let anvil: Anvil
let world: Registrations
let key: Uint8Array

beforeAll(async () => {
  const { input, build } = graphBuilder({ dims: [2], lo: -5, hi: 5 })
  const { graph, weights } = build(input.dense({ dims: [1, 2], values: [3, -2] }))
  key = (await developmentSetup(emitCircuit(graph, weights))).key
  writeFileSync(keyPath, key)
  anvil = await startAnvil()
  world = await createRegistrations(anvil.rpcUrl, 0)
  configure()
})
afterAll(async () => {
  await anvil?.stop()
  await endSnarkjs()
  rmSync(dir, { recursive: true, force: true })
})

function configure(): void {
  const privateKeyFile = join(dir, 'account.key')
  writeFileSync(privateKeyFile, world.privateKey, { mode: 0o600 })
  const release = { publisher: world.wallet.account.address.toLowerCase(), manifestHash: world.manifest }
  const agent = {
    ...{ rpcUrl: anvil.rpcUrl, databaseUrl: 'postgresql://127.0.0.1/none', stateDir: dir, privateKeyFile },
    ...{
      deployment: world.deployment,
      imageDir: dir,
      artifacts: [modelPath('iris-ols')],
      release,
    },
  }
  writeFileSync(join(dir, 'config.json'), JSON.stringify(agent), { mode: 0o600 })
}

const registered = (options: Partial<RegisterOptions> = {}) =>
  runCommand(output =>
    register(keyPath, { state: join(dir, 'none'), config: join(dir, 'config.json'), ...options }, output),
  )
const verifier = () =>
  world.client.readContract({
    ...{ address: world.deployment.zkVerifiers, abi: zkVerifiersAbi },
    ...{ functionName: 'verifierOf', args: [sha256(key)] },
  })

test('--dry-run sends nothing; --yes deploys the verifier; again nothing is sent', async () => {
  const dry = await registered({ dryRun: true })
  expect(dry).toMatchObject({ code: 0, value: { artifact: sha256(key), setup: 'development', sent: [] } })
  expect(Number(await verifier())).toBe(0)
  const { value } = await registered({ yes: true })
  expect(value.sent).toHaveLength(1)
  expect(value.verifier).toBe((await verifier()).toLowerCase())
  const again = await registered({ yes: true })
  expect(again.value).toMatchObject({ sent: [], planned: [], verifier: value.verifier })
})

test('a key of a development setup is refused on another chain before anything is sent', async () => {
  const [keystore, passwordFile, deployment] = ['other.json', 'other.password', 'deployment.json'].map(name =>
    join(dir, name),
  ) as [string, string, string]
  writeFileSync(passwordFile, 'a password\n', { mode: 0o600 })
  writeFileSync(deployment, JSON.stringify({ ...world.deployment, chainId: 8453 }))
  await runCommand(output => create(keystore, { passwordFile }, output))
  const setChainId = (id: number) =>
    world.chain.request({ method: 'anvil_setChainId', params: [id] } as never)
  await setChainId(8453)
  try {
    const named = { rpc: anvil.rpcUrl, deployment, keystore, passwordFile, yes: true }
    await expect(registered(named)).rejects.toMatchObject({
      code: 'bad-input',
      why: expect.stringContaining('31337'),
    })
  } finally {
    await setChainId(31_337)
  }
})
