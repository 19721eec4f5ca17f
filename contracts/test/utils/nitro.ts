import {
  nitroVerifierAbi,
  nitroVerifierBytecode,
  p384Abi,
  p384Bytecode,
  sha384Abi,
  sha384Bytecode,
} from '@nacre/contracts'
import { type Anvil, startAnvil } from '@nacre/host'
import { sha384Midstate } from '@nacre/sdk/attest/midstate'
import { proveP384 } from '@nacre/sdk/attest/p384/hint'
import { concat, type Hex, sha384, toHex } from '@nacre/verify'
import { parseX509, type X509 } from '@nacre/verify/attest/certificate'
import { decodeSign1, ES384, sign1Message } from '@nacre/verify/attest/cose'
import { MAX_NITRO_EVIDENCE } from '@nacre/verify/attest/nitro'
import { decodeNitroDocument } from '@nacre/verify/attest/nitroDocument'
import {
  type Abi,
  createTestClient,
  decodeErrorResult,
  encodeFunctionData,
  http,
  publicActions,
  size,
  walletActions,
} from 'viem'
import { mnemonicToAccount } from 'viem/accounts'
import { anvil as anvilChain } from 'viem/chains'

/** Every error with which NitroVerifier can end. */
const ABI: Abi = [...nitroVerifierAbi, ...p384Abi, ...sha384Abi].filter(
  (entry, at, all) =>
    entry.type !== 'error' || all.findIndex(other => 'name' in other && other.name === entry.name) === at,
)

const MNEMONIC = 'test test test test test test test test test test test junk'

export type Client = ReturnType<typeof clientOf>
export type NitroChain = {
  client: Client
  /** A verifier that trusts the root of this SHA-256, whose owner is this account; times in seconds. */
  deploy(root: Hex, owner?: Hex, parts?: { curve: Hex; hasher: Hex }): Promise<Hex>
  /** A contract of at most 255 bytes of code. */
  place(code: Hex): Promise<Hex>
  stop(): Promise<void>
}

/** A chain with the contracts that compute. @param timestamp of its first block, seconds */
export async function startNitroChain(timestamp: bigint): Promise<NitroChain> {
  const chain: Anvil = await startAnvil({ args: ['--timestamp', `${timestamp}`] })
  const client = clientOf(chain.rpcUrl)
  const deployed = async (abi: Abi, bytecode: Hex, args: readonly unknown[] = []): Promise<Hex> => {
    const hash = await client.deployContract({ abi, bytecode, args })
    const { contractAddress } = await client.waitForTransactionReceipt({ hash, pollingInterval: 10 })
    if (!contractAddress) throw new Error('the contract was not deployed')
    return contractAddress
  }
  const curve = await deployed(p384Abi as Abi, p384Bytecode)
  const hasher = await deployed(sha384Abi as Abi, sha384Bytecode)
  return {
    client,
    deploy: (root, owner = client.account.address, parts = { curve, hasher }) =>
      deployed(nitroVerifierAbi as Abi, nitroVerifierBytecode, [root, owner, parts.curve, parts.hasher]),
    // PUSH1 size DUP1 PUSH1 9 PUSH0 CODECOPY PUSH0 RETURN, and what is returned.
    place: code =>
      deployed([], `0x60${size(code).toString(16).padStart(2, '0')}8060095f395ff3${code.slice(2)}`),
    stop: () => chain.stop(),
  }
}

function clientOf(url: string) {
  const client = createTestClient({
    mode: 'anvil',
    chain: anvilChain,
    transport: http(url),
    account: mnemonicToAccount(MNEMONIC),
    cacheTime: 0,
    pollingInterval: 10,
  })
  return client.extend(publicActions).extend(walletActions)
}

/** What a call of the verifier came to: `accepted`, or the name of the error with which it reverted. */
export type Outcome = string

/** Calls without a transaction, as of `time` in seconds: nothing is kept. */
export async function outcomeOf(
  { client }: NitroChain,
  to: Hex,
  call: { functionName: string; args: readonly unknown[] },
  time?: bigint,
): Promise<Outcome> {
  try {
    const blockOverrides = time === undefined ? undefined : { time }
    await client.call({
      to,
      data: encodeFunctionData({ abi: ABI, ...call }),
      blockOverrides,
      gas: 16_000_000n,
    })
    return 'accepted'
  } catch (error) {
    return errorNameOf(error)
  }
}

/** Sends a transaction. @throws Error with the contract's error by name if it would revert */
export async function send(
  { client }: NitroChain,
  to: Hex,
  call: { functionName: string; args: readonly unknown[] },
): Promise<bigint> {
  const data = encodeFunctionData({ abi: ABI, ...call })
  const hash = await client.sendTransaction({ to, data, gas: 16_000_000n })
  const { status, gasUsed } = await client.waitForTransactionReceipt({ hash, pollingInterval: 10 })
  if (status !== 'success') throw new Error(await outcomeOf({ client } as NitroChain, to, call))
  return gasUsed
}

export const verifyCall = (evidence: Uint8Array, hints: Uint8Array) =>
  ({ functionName: 'verify', args: [toHex(evidence), toHex(hints)] }) as const

/** The contract's error, deep in what viem throws. */
function errorNameOf(error: unknown): string {
  for (let at = error; at instanceof Error; at = at.cause) {
    const { data } = at as { data?: unknown }
    const hex = typeof data === 'string' ? data : (data as { data?: unknown } | undefined)?.data
    if (typeof hex === 'string' && hex.startsWith('0x') && hex.length >= 10)
      return decodeErrorResult({ abi: ABI, data: hex as Hex }).errorName
  }
  throw error
}

/** One signature that a document rests on: who should have made it, and of what. */
type Signed = { message: Uint8Array; signature: Uint8Array; by: X509 }

/**
 * The hints of a document, in their order; null where its form does not even tell what is signed. For a signature that
 * does not hold there is no hint: another's stands there.
 */
export function hintsOf(evidence: Uint8Array): Uint8Array[] | null {
  try {
    return signaturesOf(evidence).map(hintOf)
  } catch {
    return null
  }
}

function signaturesOf(evidence: Uint8Array): Signed[] {
  const { payload, signature } = decodeSign1(evidence, MAX_NITRO_EVIDENCE, ES384)
  const { cabundle, certificate } = decodeNitroDocument(payload)
  const chain = [...cabundle, certificate].map(der => parseX509(der))
  const certificates = chain
    .slice(1)
    .map(({ signed, signature }, i) => ({ message: signed, signature, by: chain[i]! }))
  return [...certificates, { message: sign1Message(payload, ES384), signature, by: chain.at(-1)! }]
}

const proofs = new Map<string, Uint8Array>()

function hintOf({ message, signature, by }: Signed): Uint8Array {
  const key = by.key.type === 'p384' ? by.key.point.subarray(1) : new Uint8Array(96)
  return concat(sha384Midstate(message), proofOf(concat(sha384(message), signature, key)))
}

function proofOf(statement: Uint8Array): Uint8Array {
  const name = toHex(statement)
  const known = proofs.get(name)
  if (known) return known
  let proof: Uint8Array
  try {
    proof = proveP384(statement)
  } catch {
    proof = [...proofs.values()][0] ?? new Uint8Array(0)
  }
  proofs.set(name, proof)
  return proof
}

/** Each behind its length. */
export function encodeHints(hints: readonly Uint8Array[]): Uint8Array {
  return concat(...hints.flatMap(hint => [Uint8Array.of(hint.length >> 8, hint.length & 0xff), hint]))
}
