import { verifierEnclaveAbi } from '@nacre/contracts'
import type { CaseTee, Hex } from '@nacre/verify'
import {
  BaseError,
  ContractFunctionRevertedError,
  ContractFunctionZeroDataError,
  type PublicClient,
} from 'viem'
import { sdkError } from '../errors.ts'
import { readVerifier } from './registrationChecks.ts'

/** Kinds of evidence that a key can be registered with by verdicts. */
export type VouchedTee = Exclude<CaseTee, 'nvidia'>

/** The contract that takes verdicts about a kind of evidence, and the policy that they have to be by. */
export type VerdictContract = { address: Hex; policy: Hex }

/**
 * The registry's VerifierEnclave of a kind of evidence.
 * @throws NacreError no-verifier, also where the kind's verifier is another contract
 */
export async function readVerdictContract(
  client: PublicClient,
  registry: Hex,
  tee: VouchedTee,
): Promise<VerdictContract> {
  const address = await readVerifier(client, registry, tee)
  const call = { address, abi: verifierEnclaveAbi, functionName: 'POLICY' } as const
  const policy = await client.readContract(call).catch(unlessAnother)
  if (policy !== undefined) return { address, policy }
  throw sdkError('no-verifier', `The verifier of ${tee} evidence, ${address}, is no VerifierEnclave.`)
}

/** Whose keys a VerifierEnclave counts: a registry; undefined when there is no VerifierEnclave at the address. */
export async function readCountedRegistry(
  client: Pick<PublicClient, 'readContract'>,
  verifier: Hex,
): Promise<Hex | undefined> {
  const call = { address: verifier, abi: verifierEnclaveAbi, functionName: 'REGISTRY' } as const
  const registry = await client.readContract(call).catch(unlessAnother)
  return registry?.toLowerCase() as Hex | undefined
}

/** Nothing is there, or a contract that has no such function; everything else is the node's. */
function unlessAnother(error: unknown): undefined {
  const kinds = [ContractFunctionRevertedError, ContractFunctionZeroDataError]
  const another =
    error instanceof BaseError && error.walk(cause => kinds.some(kind => cause instanceof kind)) !== null
  if (!another) throw error
}
