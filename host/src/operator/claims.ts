import { verifierEnclaveAbi } from '@nacre/contracts'
import { readCountedRegistry } from '@nacre/sdk/attest/verifierContracts'
import type { Hex, Identity } from '@nacre/verify'
import { encodeFunctionData, type PublicClient } from 'viem'
import { callContract } from '../chain/reverts.ts'
import { FatalError } from '../common/errors.ts'
import { retry } from '../common/wait.ts'
import { accepted, rejected } from './registerSteps.ts'
import type { Transactions } from './transactions.ts'

export type ClaimOptions = {
  client: PublicClient
  transactions: Transactions
  /** Addresses of `VerifierEnclave`s. */
  claims: readonly Hex[]
  operator: Hex
  identity: Identity
  /** Its enclave has ended: nothing more is sent for it. */
  ended?: AbortSignal
  onRetry?: (error: unknown) => void
}

/** The key is registered, and that was paid for: a claim that fails is tried again, and no other enclave launched. */
const PAUSES = { minMs: 500, maxMs: 15_000 }
/** Of claims whose nonces other programs of the account used: of what a node says was lost, each may yet be mined. */
const MAX_TRIES = 3

/**
 * Says on chain that a key is of this operator's enclave, to each contract that is to count it and does not have it yet
 * (docs/operating.md, Serving verifier enclaves). Throws the signal's reason when the enclave has ended.
 */
export async function claimKey(options: ClaimOptions): Promise<void> {
  const { claims, ended, onRetry } = options
  for (const verifier of claims)
    await retry(() => claimAt(verifier, options), {
      ...PAUSES,
      ...(ended && { signal: ended }),
      ...(onRetry && { onRetry }),
    })
}

async function claimAt(verifier: Hex, options: ClaimOptions): Promise<void> {
  const { client, transactions, operator, identity, ended } = options
  const { receiptKey } = identity
  const contract = { address: verifier, abi: verifierEnclaveAbi } as const
  const call = { ...contract, functionName: 'isClaimed', args: [operator, receiptKey] } as const
  const data = encodeFunctionData({ ...contract, functionName: 'claimKey', args: [receiptKey] })
  const intent = { purpose: `claim:${receiptKey}:${verifier}`, target: verifier, data }
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    ended?.throwIfAborted()
    if (await callContract(() => client.readContract(call))) return
    if (await accepted({ transactions, identity, ended }, intent)) return
  }
  throw rejected(intent.purpose, `${MAX_TRIES} nonces were used by others, the node says`, { paid: true })
}

/**
 * Before anything starts: each is a VerifierEnclave of this registry. Returns those whose owner does not accept this
 * operator: its keys do not count there. Throws CONFIG_INVALID, CHAIN_UNAVAILABLE.
 */
export async function checkClaims(
  client: PublicClient,
  { claims, operator, registry }: Pick<ClaimOptions, 'claims' | 'operator'> & { registry: Hex },
): Promise<Hex[]> {
  const unaccepted: Hex[] = []
  for (const verifier of claims) {
    const counted = await callContract(() => readCountedRegistry(client, verifier))
    if (counted !== registry) throw another(verifier, registry, counted)
    const call = { address: verifier, abi: verifierEnclaveAbi, functionName: 'acceptsOperator' } as const
    const accepts = await callContract(() => client.readContract({ ...call, args: [operator] }))
    if (!accepts) unaccepted.push(verifier)
  }
  return unaccepted
}

function another(verifier: Hex, registry: Hex, counted: Hex | undefined): FatalError {
  return new FatalError('CONFIG_INVALID', `claims: ${verifier} is no VerifierEnclave of this registry.`, {
    why: counted === undefined ? 'No such contract answers there.' : `It counts keys of ${counted}.`,
    fix: `Name VerifierEnclaves of ${registry} on this chain in claims, or none.`,
  })
}
