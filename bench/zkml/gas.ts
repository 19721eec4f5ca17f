import { zkVerifiersAbi, zkVerifiersBytecode } from '@nacre/contracts'
import { startAnvil } from '@nacre/host'
import { encodeTensor, type Tensor, toHex } from '@nacre/verify'
import {
  createTestClient,
  encodeFunctionData,
  getAddress,
  type Hex,
  http,
  publicActions,
  walletActions,
} from 'viem'
import { anvil as chain } from 'viem/chains'

export type Checked = { inputHash: Uint8Array; output: Tensor; proof: Uint8Array }

/** Gas of a transaction that has ZkVerifiers check a proof, on a development chain of its own. @throws Error where it reverts */
export async function gasOfCheck(
  keyFile: Uint8Array,
  { inputHash, output, proof }: Checked,
): Promise<number> {
  const anvil = await startAnvil()
  try {
    const client = createTestClient({ mode: 'anvil', chain, transport: http(anvil.rpcUrl) })
      .extend(publicActions)
      .extend(walletActions)
    const [account] = (await client.getAddresses()) as [Hex]
    const done = async (hash: Hex) => {
      const receipt = await client.waitForTransactionReceipt({ hash, pollingInterval: 20 })
      if (receipt.status !== 'success') throw new Error('the transaction reverted')
      return receipt
    }
    const send = (to: Hex, data: Hex) => client.sendTransaction({ account, to, data, gas: GAS }).then(done)
    const deployed = await client
      .deployContract({ account, abi: zkVerifiersAbi, bytecode: zkVerifiersBytecode })
      .then(done)
    const verifiers = getAddress(deployed.contractAddress!)
    await send(
      verifiers,
      encodeFunctionData({ abi: zkVerifiersAbi, functionName: 'register', args: [toHex(keyFile)] }),
    )
    const artifact = toHex(new Uint8Array(await crypto.subtle.digest('SHA-256', Uint8Array.from(keyFile))))
    const args = [artifact, toHex(inputHash), toHex(encodeTensor(output)), toHex(proof)] as const
    const { gasUsed } = await send(
      verifiers,
      encodeFunctionData({ abi: zkVerifiersAbi, functionName: 'check', args }),
    )
    return Number(gasUsed)
  } finally {
    await anvil.stop()
  }
}

/** Said: estimates of what runs out of gas inside of a precompile are wrong. */
const GAS = 10_000_000n
