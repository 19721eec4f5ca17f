import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { enclaveRegistryAbi, releasesAbi, simulatedVerifierAbi } from '@nacre/contracts'
import { loadImage } from '@nacre/host/drivers/image'
import { qemuDriver } from '@nacre/host/drivers/qemu'
import { createEnclaveClient } from '@nacre/host/enclaveClient'
import { createRoot } from '@nacre/host/nsm/root'
import { type Deployment, deploy, type Wallet } from '@nacre/sdk'
import { configOnChain } from '@nacre/sdk/attest/configOnChain'
import { planRegistration, sendRegistration } from '@nacre/sdk/attest/registerEnclave'
import {
  type EnclaveConfig,
  fromHex,
  type Hex,
  type Identity,
  manifestHash,
  measurementDigest,
  measurementsOf,
  parseManifest,
  releaseId,
  sha256,
  TEE_KIND,
  toHex,
} from '@nacre/verify'
import { decodeSign1 } from '@nacre/verify/attest/cose'
import { decodeDocument } from '@nacre/verify/attest/document'
import { createTestClient, createWalletClient, http, type PublicClient, publicActions } from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { anvil } from 'viem/chains'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { releaseDir } from './machine.ts'

/** A release on a chain, the image as it was published, and one with a single byte changed. */
const account = mnemonicToAccount('test test test test test test test test test test test junk')
const root = createRoot()
const dir = mkdtempSync(join(tmpdir(), 'nacre-flipped-test-'))
const settings = {
  chain: anvil,
  transport: http(inject('rpcUrl')),
  pollingInterval: 20,
  cacheTime: 0,
} as const
const client = createTestClient({ mode: 'anvil', ...settings }).extend(
  publicActions,
) as unknown as PublicClient
const wallet: Wallet = createWalletClient({ ...settings, account })
const manifest = parseManifest(new Uint8Array(readFileSync(join(releaseDir(), 'manifest.json'))))
const eifName = `${manifest.name}.eif`

let deployment: Deployment
let config: EnclaveConfig

beforeAll(async () => {
  deployment = await deploy({ client, wallet, root: root.certificate })
  const hash = manifestHash(manifest)
  const [digest] = measurementsOf(manifest)
    .filter(({ kind }) => kind === 'simulated')
    .map(measurementDigest)
  await client.waitForTransactionReceipt({
    hash: await wallet.writeContract({
      address: deployment.releases,
      abi: releasesAbi,
      functionName: 'list',
      args: [hash, [{ kind: TEE_KIND.simulated, digest: digest! }]],
    }),
  })
  config = {
    version: 1,
    chainId: 31_337n,
    registry: deployment.enclaveRegistry,
    operator: account.address.toLowerCase() as Hex,
    releaseId: releaseId(account.address.toLowerCase() as Hex, hash),
    maxInput: 65_536,
    maxOutput: 65_536,
  }
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

type Attested = { evidence: Uint8Array; identity: Identity; anchorNumber: bigint }

/** Boots the image of this folder, whatever it is, and has it attest itself over a recent block. */
async function attestedBy(folder: string): Promise<Attested> {
  const enclave = await qemuDriver.launch({ dir: folder, manifest }, { config, root })
  const channel = createEnclaveClient({ connect: enclave.connect })
  try {
    const { identity } = await channel.identity()
    const { hash, number } = await client.getBlock()
    const { bytes } = await channel.attest(hash)
    return { evidence: fromHex(bytes), identity, anchorNumber: number }
  } finally {
    channel.close()
    await enclave.terminate()
  }
}

/** What registering simulated evidence begins with. */
async function cacheLeaf(evidence: Uint8Array): Promise<void> {
  const { certificate } = decodeDocument(decodeSign1(evidence, evidence.length).payload)
  const hash = await wallet.writeContract({
    address: deployment.simulatedVerifier,
    abi: simulatedVerifierAbi,
    functionName: 'cacheCertificate',
    args: [toHex(certificate), sha256(root.certificate), '0x'],
  })
  await client.waitForTransactionReceipt({ hash })
}

/** One byte of the program's text, and the checksum made right again: the file is as well formed as before. */
async function flip(): Promise<string> {
  const folder = join(dir, 'flipped')
  await cp(releaseDir(), folder, { recursive: true })
  const bytes = readFileSync(join(folder, eifName))
  const at = bytes.indexOf('usage: enclave.mjs CONFIG')
  bytes[at]! ^= 0x20
  bytes.writeUInt32BE(crc32(bytes.subarray(548), crc32(bytes.subarray(0, 544))), 544)
  writeFileSync(join(folder, eifName), bytes)
  return folder
}

test('the chain registers an enclave that booted the published image', async () => {
  const attested = await attestedBy(releaseDir())
  const plan = await planRegistration({ client, deployment, config, ...attested })
  const { registered } = await sendRegistration(plan, wallet)
  expect(registered.operator.toLowerCase()).toBe(config.operator)
})

test('with one byte flipped the enclave boots and attests itself, and the chain refuses it', async () => {
  const attested = await attestedBy(await flip())
  const planned = planRegistration({ client, deployment, config, ...attested })
  await expect(planned).rejects.toMatchObject({ code: 'not-measured' })
  // The contract itself, whatever a client would have checked before.
  await cacheLeaf(attested.evidence)
  const { receiptKey, tlsKeyHash, hpkeKey } = attested.identity
  const sent = client.simulateContract({
    account,
    address: deployment.enclaveRegistry,
    abi: enclaveRegistryAbi,
    functionName: 'register',
    args: [
      TEE_KIND.simulated,
      toHex(attested.evidence),
      '0x',
      { receiptKey, tlsKeyHash, hpkeKey },
      configOnChain(config),
      attested.anchorNumber,
    ],
  })
  await expect(sent).rejects.toThrow('MeasurementNotListed')
})

test('an honest agent does not even boot it', async () => {
  await expect(loadImage(join(dir, 'flipped'))).rejects.toMatchObject({ code: 'image-invalid' })
})
