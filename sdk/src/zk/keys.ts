import { zkVerifiersAbi } from '@nacre/contracts'
import { fromHex, type Hex, sha256, toHex, ZERO_ADDRESS } from '@nacre/verify'
import type { PublicClient } from 'viem'
import { sdkError } from '../errors.ts'
import type { Wallet } from '../relay.ts'
import { explainRevert } from '../revert.ts'

/** Where a model's verifier is, and the transaction that made it, if it was not there. */
export type RegisteredKey = { artifact: Hex; verifier: Hex; transactionHash?: Hex; gasUsed?: bigint }

/**
 * Has the chain make the verifier of a key file (.nzkg), once; anyone may.
 * @throws NacreError relay-reverted with the contract's own error: InvalidKey, DevelopmentKey
 */
export async function registerZkKey(options: {
  client: PublicClient
  wallet: Wallet
  zkVerifiers: Hex
  keyFile: Uint8Array
}): Promise<RegisteredKey> {
  const { client, wallet, zkVerifiers: address, keyFile } = options
  const artifact = sha256(keyFile)
  const known = await verifierOf(client, address, artifact)
  if (known !== undefined) return { artifact, verifier: known }
  const call = { address, abi: zkVerifiersAbi, functionName: 'register', args: [toHex(keyFile)] } as const
  const { request } = await client.simulateContract({ ...call, account: wallet.account }).catch(fail)
  const transactionHash = await wallet.writeContract(request as never).catch(fail)
  const { gasUsed } = await client.waitForTransactionReceipt({ hash: transactionHash })
  const verifier = await verifierOf(client, address, artifact)
  if (verifier === undefined)
    throw sdkError('relay-reverted', `The contract refused transaction ${transactionHash}.`)
  return { artifact, verifier, transactionHash, gasUsed }
}

/**
 * The key file of an artifact as the chain has it: its verifier's code ends with the file and its length, u32; undefined
 * when nobody registered it, or when what a node returns is not the file with this hash.
 */
export async function readZkKey(options: {
  client: PublicClient
  zkVerifiers: Hex
  artifact: Hex
}): Promise<Uint8Array | undefined> {
  const { client, zkVerifiers, artifact } = options
  const verifier = await verifierOf(client, zkVerifiers, artifact)
  const code = verifier && (await client.getCode({ address: verifier }))
  if (code === undefined) return undefined
  const bytes = fromHex(code)
  if (bytes.length < LENGTH_BYTES) return undefined
  const end = bytes.length - LENGTH_BYTES
  const start = end - new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getUint32(end)
  const file = start < 0 ? undefined : bytes.slice(start, end)
  return file && sha256(file) === artifact ? file : undefined
}

const LENGTH_BYTES = 4

async function verifierOf(client: PublicClient, address: Hex, artifact: Hex): Promise<Hex | undefined> {
  const call = { address, abi: zkVerifiersAbi, functionName: 'verifierOf', args: [artifact] } as const
  const verifier = await client.readContract(call)
  return verifier === ZERO_ADDRESS ? undefined : verifier
}

function fail(error: unknown): never {
  throw explainRevert(error)
}
