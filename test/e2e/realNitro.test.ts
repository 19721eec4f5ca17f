import * as contracts from '@nacre/contracts'
import { nitroHints, openNitro } from '@nacre/sdk/attest/nitroHints'
import type { Hex } from '@nacre/verify'
import { toHex } from '@nacre/verify'
import { AWS_NITRO_ROOT } from '@nacre/verify/attest/nitro'
import { type Abi, createTestClient, http, publicActions, walletActions } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { anvil as anvilChain } from 'viem/chains'
import { expect, test } from 'vitest'
import { nodeCrypto } from '../../cli/src/nodeCrypto.ts'
import { type Anvil, startAnvil } from '../../host/src/processes/anvil.ts'
import { type RealFile, realEvidence, secondsOf, told } from '../../verify/test/realEvidence.ts'

// Documents of AWS's own, under its root, on chains whose time is theirs. They bind other people's keys, so that they
// cannot be registered: the contract takes everything of them and stops at their user data or nonce, its last check.

const ROOT = `0x${AWS_NITRO_ROOT}` as const
const DEPLOYER = privateKeyToAccount('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80')
const files = realEvidence('nitro').filter(
  ({ file, expect }) => expect.valid && !expect.debug_mode_zero_pcr012 && !file.includes('malleable'),
)

test(`real documents: certificates kept, signature accepted on chain (${told(files)})`, async () => {
  for (const file of files) {
    const time = secondsOf(file.expect.suggested_verification_time)
    const anvil = await startAnvil({ args: ['--timestamp', String(time)] })
    try {
      await verifyOnChain(await createChain(anvil), file, time)
    } finally {
      await anvil.stop()
    }
  }
})

async function verifyOnChain(chain: OnChain, { bytes, file }: RealFile, time: bigint): Promise<void> {
  const options = { root: ROOT, time: time + 60n, crypto: nodeCrypto }
  const { document, chain: certificates } = openNitro(bytes, options)
  const ders = certificates.map(({ der }) => toHex(der))
  const hintsWith = (cached: boolean) =>
    nitroHints({ ...options, evidence: bytes, cached: Array(ders.length - 1).fill(cached) })
  const refusedFor = async (hints: Uint8Array, reason: string | RegExp) =>
    expect(chain.verify(toHex(bytes), toHex(hints)), file).rejects.toThrow(reason)
  const last = document.userData?.length === 32 ? 'NonceSize' : 'UserDataSize'

  const cold = await hintsWith(false)
  await refusedFor(cold, last)
  const warm = await hintsWith(true)
  await refusedFor(warm, 'CertificateNotCached')
  // The certificates' part of it; of the other, there is only the document's behind empty ones.
  await chain.cache(ders, toHex(cold.subarray(0, cold.length - (warm.length - 2 * (ders.length - 1)))))
  await refusedFor(warm, last)
  // One bit of it changed: the signature is not shown any more.
  await refusedFor(
    warm.map((byte, i) => byte ^ Number(i === 2_000)),
    /NotProven|ModulusNotPrime/,
  )
}

type OnChain = {
  verify(evidence: Hex, hints: Hex): Promise<unknown>
  cache(ders: Hex[], hints: Hex): Promise<void>
}

/** NitroVerifier under AWS's root. */
async function createChain({ rpcUrl }: Anvil): Promise<OnChain> {
  const settings = {
    chain: anvilChain,
    transport: http(rpcUrl),
    account: DEPLOYER,
    pollingInterval: 20,
  } as const
  const client = createTestClient({ mode: 'anvil', ...settings })
    .extend(publicActions)
    .extend(walletActions)
  const create = async (abi: Abi, bytecode: Hex, args: readonly unknown[] = []): Promise<Hex> => {
    const hash = await client.deployContract({ abi, bytecode, args } as never)
    return (await client.waitForTransactionReceipt({ hash })).contractAddress!
  }
  const p384 = await create(contracts.p384Abi, contracts.p384Bytecode)
  const sha384 = await create(contracts.sha384Abi, contracts.sha384Bytecode)
  const args = [ROOT, DEPLOYER.address, p384, sha384]
  const address = await create(contracts.nitroVerifierAbi, contracts.nitroVerifierBytecode, args)
  const abi = [...contracts.nitroVerifierAbi, ...contracts.p384Abi, ...contracts.sha384Abi] as const
  return {
    verify: (evidence, hints) =>
      client.simulateContract({ address, abi, functionName: 'verify', args: [evidence, hints] }),
    async cache(ders, hints) {
      const call = { address, abi, functionName: 'cacheCertificates', args: [ders, hints] } as const
      const { status } = await client.waitForTransactionReceipt({ hash: await client.writeContract(call) })
      expect(status).toBe('success')
    },
  }
}
