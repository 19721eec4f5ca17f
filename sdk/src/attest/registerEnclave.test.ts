import { enclaveRegistryAbi, nitroVerifierAbi } from '@nacre/contracts'
import { configHash, fromHex, type Hex, keccak256, userData } from '@nacre/verify'
import { iso, parseX509 } from '@nacre/verify/attest/certificate'
import { decodeSign1, ES384 } from '@nacre/verify/attest/cose'
import { decodeNitroDocument } from '@nacre/verify/attest/nitroDocument'
import {
  type Abi,
  createPublicClient,
  custom,
  type EIP1193RequestFn,
  numberToHex,
  type PublicClient,
} from 'viem'
import { beforeAll, describe, expect, inject, test } from 'vitest'
import { createNitroAuthority } from '../../../test/mock-authority/index.ts'
import { type Attested, createRegistrations, type Registrations } from '../../../test/registrations.ts'
import { nitroHints } from './nitroHints.ts'
import {
  type PlanOptions,
  planRegistration,
  type RegistrationStep,
  sendRegistration,
  withReserve,
} from './registerEnclave.ts'

let world: Registrations
/** Seconds of the chain's time. */
let began: bigint

beforeAll(async () => {
  world = await createRegistrations(inject('rpcUrl'), 9)
  began = (await world.client.getBlock()).timestamp
})

const plan = (attested: Attested, changes: Partial<PlanOptions> = {}) =>
  planRegistration({ ...attested, client: world.client, deployment: world.deployment, ...changes })
const whatOf = (steps: { what: string }[]) => steps.map(({ what }) => what)

test('simulated evidence is planned and registered the same way: its certificate, then the key', async () => {
  const attested = await world.attest({ tee: 'simulated', name: 'simulated' })
  const planned = await plan(attested)
  expect(planned).toMatchObject({ evidence: { tee: 'simulated' }, registered: undefined })
  expect(whatOf(planned.steps)).toEqual(['cache a certificate', 'register the key'])
  const { registered, sent } = await sendRegistration(planned, world.wallet)
  expect(registered.operator).toBe(attested.config.operator)
  expect(sent).toHaveLength(2)
  expect(Number(planned.steps[1]?.gas)).toBeGreaterThanOrEqual(Number(sent[1]?.gas))

  const again = await plan(attested)
  expect(again).toMatchObject({ registered: { operator: attested.config.operator }, steps: [] })
  expect((await sendRegistration(again, world.wallet)).sent).toEqual([])
})

test('a transaction that the node tried and the chain reverts is paid for twice at most', async () => {
  const { client, wallet } = world
  const planned = await plan(await world.attest({ tee: 'simulated', name: 'too little gas' }))
  const scarce: typeof wallet = {
    ...wallet,
    writeContract: call => wallet.writeContract({ ...call, gas: 120_000n } as never),
  }
  const count = () => client.getTransactionCount({ address: wallet.account.address })
  const before = await count()
  await expect(sendRegistration(planned, scarce)).rejects.toMatchObject({
    code: 'relay-reverted',
    message: expect.stringContaining('2 transactions reverted'),
  })
  expect((await count()) - before).toBe(2)
  expect(await planned.current()).toBeUndefined()
})

test('evidence whose clock is ahead is refused before anything is sent: nothing is paid for its certificate', async () => {
  const time = (await world.client.getBlock()).timestamp + 300n
  const attested = await world.attest({ tee: 'simulated', name: 'fast clock', time })
  await expect(plan(attested)).rejects.toMatchObject({
    code: 'evidence-from-future',
    message: expect.stringContaining(iso(time)),
    fix: expect.stringMatching(/clock/),
  })
})

test('limits below the registry’s are refused before anything is sent', async () => {
  const attested = await world.attest({ tee: 'simulated', name: 'low limits' })
  for (const low of [{ maxInput: 65_535 }, { maxOutput: 65_535 }]) {
    const config = { ...attested.config, ...low }
    const identity = { ...attested.identity, configHash: configHash(config) }
    await expect(plan({ ...attested, config, identity })).rejects.toMatchObject({
      code: 'limits-too-low',
      message: expect.stringMatching(/65535.*65536/),
    })
  }
})

/** Other certificates for each test: they are as of other seconds. */
let age = 10n
async function nitro(changes: Partial<Parameters<Registrations['attest']>[0]> = {}): Promise<Attested> {
  age += 10n
  return world.attest({ name: `enclave ${age}`, time: began - age, ...changes })
}
const documentOf = ({ evidence }: Attested) =>
  decodeNitroDocument(decodeSign1(evidence, 20_000, ES384).payload)
const timeOf = (attested: Attested) => documentOf(attested).timestamp

describe('Nitro evidence', () => {
  test('that is cold registers in one transaction, and another enclave under the same certificates in less', async () => {
    const cold = await nitro()
    const progress: string[] = []
    const planned = await plan(cold, { onProgress: (done, of) => progress.push(`${done}/${of}`) })
    expect(progress).toEqual(['0/5', '1/5', '2/5', '3/5', '4/5', '5/5'])
    expect(planned.evidence).toMatchObject({ tee: 'nitro', anchorNumber: cold.anchorNumber })
    expect(planned.certificates.map(({ name, cached }) => [name, cached])).toEqual(
      ['regional', 'zonal', 'instance', 'leaf'].map(link => [`CN=mock ${link}`, false]),
    )
    expect(planned.steps).toMatchObject([
      { what: 'register the key, and cache 4 certificates on the way', cached: 0, fresh: 4, measured: true },
    ])
    const sent: string[] = []
    const { registered } = await sendRegistration(planned, world.wallet, one => sent.push(one.what))
    expect(sent).toEqual(whatOf(planned.steps))
    expect(registered).toMatchObject({ operator: cold.config.operator })

    const warm = await plan(await nitro({ name: 'neighbour', time: BigInt(timeOf(cold)) / 1000n }))
    expect(warm.certificates.every(({ cached }) => cached)).toBe(true)
    expect(warm.steps).toMatchObject([{ what: 'register the key', cached: 4, fresh: 0 }])
    expect(warm.steps[0]!.gas).toBeLessThan(planned.steps[0]!.gas)
    await sendRegistration(warm, world.wallet)
  })

  test('that does not fit one transaction takes several, and a run that was interrupted goes on where it stopped', async () => {
    const attested = await nitro()
    const maxGas = ((await plan(attested)).steps[0]!.gas * 6n) / 10n
    const first = await plan(attested, { maxGas })
    expect(first.steps.length).toBeGreaterThan(1)
    expect(first.steps.map(({ measured }) => measured)).toEqual([
      true,
      ...first.steps.slice(1).map(() => false),
    ])
    expect(first.steps.reduce((sum, { fresh }) => sum + fresh, 0)).toBe(4)
    // Killed when the first transaction was sent.
    await send(first.steps[0]!)
    const second = await plan(attested, { maxGas })
    expect(whatOf(second.steps)).toEqual(whatOf(first.steps.slice(1)))
    const { sent } = await sendRegistration(second, world.wallet)
    expect(sent).toHaveLength(second.steps.length)
    for (const [i, { gas }] of sent.entries()) expect(gas).toBeLessThanOrEqual(first.steps[i + 1]!.gas)
    expect((await plan(attested)).steps).toEqual([])
  })

  test('whose certificates somebody else caches between plan and transaction is registered all the same', async () => {
    const attested = await nitro()
    const planned = await plan(attested)
    const other = await plan(attested, { maxGas: (planned.steps[0]!.gas * 6n) / 10n })
    await send(other.steps[0]!)
    expect(whatOf(await planned.remaining())).not.toEqual(whatOf(planned.steps))
    // What was planned first is still taken, hints that are not needed any more and all.
    await send(planned.steps[0]!)
    expect((await sendRegistration(planned, world.wallet)).sent).toEqual([])
    expect((await sendRegistration(other, world.wallet)).registered).toMatchObject({
      operator: attested.config.operator,
    })
  })

  test('is not sent twice when the node does not show what was mined: it is waited for', async () => {
    const attested = await nitro()
    await world.chain.mine({ blocks: 1 })
    const behind = { calls: 0, block: 0n }
    const request: EIP1193RequestFn = ({ method, params = [] }) => {
      const old = /^eth_(call|estimateGas)$/.test(method) && behind.calls-- > 0
      const [call] = params as unknown[]
      return world.client.request({
        method,
        params: old ? [call, numberToHex(behind.block)] : params,
      } as never)
    }
    const settings = { chain: world.chain.chain, pollingInterval: 10, cacheTime: 0 }
    const client = createPublicClient({ ...settings, transport: custom({ request }) })
    const maxGas = ((await plan(attested)).steps[0]!.gas * 6n) / 10n
    const planned = await plan(attested, { client: client as PublicClient, maxGas })
    behind.block = await world.client.getBlockNumber()
    const { sent } = await sendRegistration(planned, world.wallet, () => {
      behind.calls = 20
    })
    expect(sent).toHaveLength(planned.steps.length)
  })

  test('is refused, with what was expected and found, before hints are made', async () => {
    const onProgress = () => expect.unreachable('a hint is made')
    const refused = async (
      attested: Attested,
      code: string,
      text: string,
      changes: Partial<PlanOptions> = {},
    ) => {
      const failed = plan(attested, { onProgress, ...changes })
      await expect(failed).rejects.toMatchObject({ code, fix: expect.stringMatching(/\w/) })
      await expect(failed).rejects.toThrow(text)
    }
    const good = await nitro()
    const other = await nitro()
    await refused({ ...good, evidence: other.evidence }, 'evidence-mismatch', userData(good.identity))
    const elsewhere = { ...good.config, chainId: 1n }
    await refused({ ...good, config: elsewhere }, 'evidence-mismatch', 'on chain 1')
    await refused(
      { ...good, config: { ...good.config, maxInput: 70_000 } },
      'evidence-mismatch',
      good.identity.configHash,
    )
    const registry = world.simulatedOnly
    const config = { ...good.config, registry }
    const there = { ...good, config, identity: { ...good.identity, configHash: configHash(config) } }
    await refused(there, 'no-verifier', registry, { deployment: { enclaveRegistry: registry } })
    await refused(good, 'anchor-unavailable', 'block 0 is 0x', { anchorNumber: 0n })
    const nonce = new Uint8Array(32).fill(7)
    await refused(await nitro({ nitro: { nonce } }), 'anchor-unavailable', '0x0707')
    await refused(await nitro({ nitro: { nonce: null } }), 'bad-evidence', 'none of nonce')
    await refused({ ...good, evidence: good.evidence.slice(0, -1) }, 'bad-evidence', 'malformed')
    await refused({ ...good, evidence: new Uint8Array(9) }, 'bad-evidence', 'no attestation document')
    const { timestamp } = await world.client.getBlock()
    const early = { nitro: { certificates: { leaf: { notAfter: timestamp - 5n } } } }
    const gone = await nitro({ ...early, time: timestamp - 100n })
    await refused(gone, 'bad-evidence', `valid until ${iso(timestamp - 5n)}`)
    await refused(await nitro({ time: timestamp - 3_700n }), 'evidence-too-old', iso(timestamp - 100n))
    const stranger = createNitroAuthority('a stranger')
    const foreign = { time: timestamp, userData: fromHex(userData(good.identity)), nonce }
    await refused({ ...good, evidence: stranger.issue(foreign) }, 'bad-evidence', stranger.pin)
    const forged = await nitro({
      nitro: { signature: bytes => bytes.map((byte, i) => byte ^ Number(i === 90)) },
    })
    await refused(forged, 'bad-evidence', 'bad-signature')
    await refused(
      await nitro({ nitro: { pcrs: { 0: new Uint8Array(48).fill(1) } } }),
      'not-measured',
      'digest 0x',
    )
  })

  test('under a certificate that was revoked on chain is refused, and told which', async () => {
    const attested = await nitro()
    const planned = await plan(attested)
    const { cabundle } = documentOf(attested)
    const hash = keccak256(parseX509(cabundle[2]!).signed)
    await world.write(world.verifier, nitroVerifierAbi as Abi, 'revoke', [hash])
    await expect(plan(attested)).rejects.toMatchObject({
      code: 'bad-evidence',
      message: expect.stringContaining('CN=mock zonal'),
    })
    // A plan of before meets the contract's own refusal.
    await expect(sendRegistration(planned, world.wallet)).rejects.toThrow(
      `RevokedCertificate (signedHash ${hash})`,
    )
  })

  test('with less gas for a transaction than any step takes is not planned', async () => {
    await expect(plan(await nitro(), { maxGas: 50_000n })).rejects.toMatchObject({ code: 'gas-limit' })
  })

  test('of a key that its operator revoked is not registered again', async () => {
    const attested = await nitro()
    await sendRegistration(await plan(attested), world.wallet)
    const { receiptKey, configHash } = attested.identity
    const args = [receiptKey, attested.config.releaseId, configHash]
    await world.write(world.deployment.enclaveRegistry, enclaveRegistryAbi as Abi, 'revokeKey', args)
    await expect(plan(attested)).rejects.toMatchObject({ code: 'key-ended' })
  })

  test('work stops between two signatures when it is told to', async () => {
    const stop = new AbortController()
    const planned = plan(await nitro(), {
      signal: stop.signal,
      onProgress: done => done === 1 && stop.abort(),
    })
    await expect(planned).rejects.toMatchObject({ name: 'AbortError' })
  })
})

test('hints are positional, and those of cached certificates are empty', async () => {
  const attested = await nitro()
  const options = {
    evidence: attested.evidence,
    root: await rootOf(),
    time: BigInt(timeOf(attested)) / 1000n,
  }
  const hints = await nitroHints({ ...options, cached: [true, true, true, true] })
  expect([...hints.subarray(0, 8)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0])
  expect(2 + hints[8]! * 256 + hints[9]!).toBe(hints.length - 8)
  await expect(nitroHints({ ...options, cached: [true] })).rejects.toMatchObject({ code: 'bad-evidence' })
})

async function rootOf(): Promise<Hex> {
  return world.client.readContract({ address: world.verifier, abi: nitroVerifierAbi, functionName: 'ROOT' })
}

async function send({ call, gas }: RegistrationStep): Promise<void> {
  const hash = await world.wallet.writeContract({ ...call, gas: withReserve(gas) } as never)
  const { status } = await world.client.waitForTransactionReceipt({ hash })
  expect(status).toBe('success')
}
