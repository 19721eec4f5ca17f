import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { provenClassifierAbi, provenClassifierBytecode } from '@nacre/contracts'
import { decodeZkStatement, fromHex, type Hex, keccak256, parseBundle, releaseId } from '@nacre/verify'
import { stringToHex } from 'viem'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { IMAGES } from '../../enclave/scripts/images.ts'
import { type AgentProcess, startAgentProcess } from '../../host/testing/agentProcess.ts'
import { createWorld, DEPLOYER, eventually, type World } from '../../host/testing/operatorWorld.ts'
import { nacre } from './nacre.ts'

/** An operator serves the image that verifies proofs; the command line and a contract ask it about a flower. */
let world: World
let agent: AgentProcess
let files: Server
let classifier: Hex
let artifact: Hex
let trust: string[]
const at = (name: string): string => join(world.dir, 'zk', name)
const zk = (...args: string[]) => nacre('zk', ...args, '--json')

beforeAll(async () => {
  world = await createWorld(IMAGES.zk)
  mkdirSync(at(''))
  const compiled = await zk('compile', 'iris-mlp', '--out', at('iris.nzkm'), '--state', at('state'))
  expect(compiled.code, compiled.stderr).toBe(0)
  const key = compiled.json.verifying_key as { file: string; artifact: Hex }
  expect(key.file).toBe(at('iris.nzkv'))
  artifact = key.artifact
  await zk('prove', at('iris.nzkm'), '[5.1,3.5,1.4,0.2]', '--out', at('iris.nzks'))
  await world.announce(artifact)
  files = createServer((_, response) => response.end(readFileSync(at('iris.nzks'))))
  await new Promise<void>(resolve => files.listen(0, '127.0.0.1', resolve))
  const inputs = { allowPrivate: true }
  agent = await startAgentProcess(world, { artifacts: [key.file], inputs, payments: {}, pollMs: 100 })
  classifier = await deploy()
  writeFileSync(at('root.der'), world.root)
  const { publisher, manifestHash } = world.release
  trust = ['--release', releaseId(publisher, manifestHash), '--development-root', at('root.der')]
})

afterAll(async () => {
  files?.closeAllConnections()
  files?.close()
  await agent?.child.stop()
  await world?.close()
})

/** For questions that are answered within ten minutes. */
async function deploy(): Promise<Hex> {
  const wallet = world.walletOf(DEPLOYER)
  const params = await world.params({ artifact, deadline: 600n, maxGasPrice: 0n, callbackGas: 200_000 })
  const hash = await wallet.deployContract({
    abi: provenClassifierAbi,
    bytecode: provenClassifierBytecode,
    args: [world.deployment.relay, wallet.account.address, params],
  })
  return (await world.chain.waitForTransactionReceipt({ hash })).contractAddress as Hex
}

const attest = (proof: string, ...args: string[]) =>
  zk('attest', at('iris.nzkv'), proof, '--operator', agent.url, ...trust, ...args)

test('the key alone verifies a proof, with integers in the place of what they stand for', async () => {
  const { code, json, stderr } = await zk('verify', at('iris.nzkv'), at('iris.nzks'))
  expect(code, stderr).toBe(0)
  expect(json).toMatchObject({ ok: true, weights_checked: false })
  expect(stderr).toContain('A verifying key has no weights')
  const whole = await zk('verify', at('iris.nzkm'), at('iris.nzks'))
  expect(whole.json).toMatchObject({ ok: true, model: json.model, weights_checked: true })
  const [output] = json.outputs as { integers: number[][] }[]
  expect(whole.json.outputs).toMatchObject([{ integers: output!.integers }])
  expect(output).not.toHaveProperty('values')
})

test('an enclave verifies it and signs the statement; the receipt verifies offline', async () => {
  const { code, json, stderr } = await attest(at('iris.nzks'), '--out', at('receipt.json'))
  expect(code, stderr).toBe(0)
  expect(json).toMatchObject({ ok: true, artifact, security_bits: 102, zero_knowledge: false })
  expect(stderr).toContain('SIMULATED')
  const { receipt, output } = parseBundle(readFileSync(at('receipt.json'), 'utf8'))
  expect(receipt).toMatchObject({ artifact, inputHash: keccak256(readFileSync(at('iris.nzks'))) })
  expect(decodeZkStatement(fromHex(output))).toMatchObject({ model: json.model, proofHash: json.proof_hash })
  const verified = await nacre('receipt', 'verify', at('receipt.json'), ...trust, '--json')
  expect(verified.code, verified.stderr).toBe(0)
  expect(verified.json).toMatchObject({ ok: true, proven: { model: json.model, outputs: json.outputs } })
  expect(verified.stderr).toContain('it did not run the model')
})

test('what does not verify here is not sent, and what no policy accepts is no receipt', async () => {
  const bytes = readFileSync(at('iris.nzks'))
  bytes[bytes.length - 1]! ^= 1
  writeFileSync(at('broken.nzks'), bytes)
  expect(await attest(at('broken.nzks'))).toMatchObject({
    code: 2,
    json: { error: { code: 'bad-file', why: expect.stringContaining('refused by') } },
  })
  const untrusted = ['attest', at('iris.nzkv'), at('iris.nzks'), '--operator', agent.url]
  expect((await zk(...untrusted)).json).toMatchObject({ error: { code: 'unverified-answer' } })
})

test('a contract asks by the hash of the file and gets the class of the input that it meant', async () => {
  const file = keccak256(readFileSync(at('iris.nzks')))
  const source = stringToHex(`http://127.0.0.1:${(files.address() as AddressInfo).port}/iris.nzks`)
  const { output } = parseBundle(readFileSync(at('receipt.json'), 'utf8'))
  const { inputHash } = decodeZkStatement(fromHex(output))
  const contract = { address: classifier, abi: provenClassifierAbi } as const
  const { maxGasPrice } = await world.params()
  const value = await world.chain.readContract({ ...contract, functionName: 'price', args: [maxGasPrice] })
  const args = [file, source, inputHash, maxGasPrice] as const
  const wallet = world.walletOf(DEPLOYER)
  await world.mined(await wallet.writeContract({ ...contract, functionName: 'ask', args, value }))
  const [id, status, digit, input] = await eventually(async () => {
    const last = await world.chain.readContract({ ...contract, functionName: 'last' })
    return BigInt(last[0]) === 0n ? undefined : last
  })
  // Setosa.
  expect({ status, digit, input }).toEqual({ status: 0, digit: 0, input: inputHash })
  expect(await world.fulfilments(id)).toMatchObject([{ args: { status: 0, callbackOk: true } }])
})
