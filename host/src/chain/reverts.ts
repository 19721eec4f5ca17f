import {
  balancesAbi,
  enclaveRegistryAbi,
  nitroVerifierAbi,
  operatorsAbi,
  p384Abi,
  relayAbi,
  releasesAbi,
  sha384Abi,
  simulatedVerifierAbi,
  verifierEnclaveAbi,
  zkVerifiersAbi,
} from '@nacre/contracts'
import { BaseError, decodeErrorResult, type Hex } from 'viem'
import { FatalError } from '../common/errors.ts'
import { chainError } from './client.ts'

const ERRORS = [
  ...relayAbi,
  ...balancesAbi,
  ...enclaveRegistryAbi,
  ...operatorsAbi,
  ...releasesAbi,
  ...simulatedVerifierAbi,
  ...nitroVerifierAbi,
  ...p384Abi,
  ...sha384Abi,
  ...verifierEnclaveAbi,
  ...zkVerifiersAbi,
].filter(entry => entry.type === 'error')

/** A call that the contract refuses: the name of its error and the arguments. */
export class RevertError extends FatalError {
  readonly reason: string
  readonly args: readonly unknown[]

  constructor(reason: string, args: readonly unknown[], cause: unknown) {
    super('TRANSACTION_REVERTED', `The contract refuses: ${reason}(${args.map(String).join(', ')}).`, {
      fix: 'The contract interfaces in contracts/src/interfaces say when each error occurs.',
      cause,
    })
    this.reason = reason
    this.args = args
  }
}

/** Runs a call or an estimate; a revert becomes RevertError, a failure of the provider CHAIN_UNAVAILABLE. */
export async function callContract<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw decodeRevert(error) ?? chainError(error)
  }
}

/** The named error within a viem error; undefined when the call did not revert. */
export function decodeRevert(error: unknown): RevertError | undefined {
  const data = revertData(error)
  if (data === undefined) return undefined
  try {
    const { errorName, args } = decodeErrorResult({ abi: ERRORS, data })
    return new RevertError(errorName, (args ?? []) as readonly unknown[], error)
  } catch {
    return new RevertError(
      data === '0x' ? 'without a reason' : `unknown error ${data.slice(0, 10)}`,
      [],
      error,
    )
  }
}

function revertData(error: unknown): Hex | undefined {
  if (!(error instanceof BaseError)) return undefined
  let found: Hex | undefined
  error.walk(cause => {
    const data = (cause as { data?: unknown }).data
    const hex = typeof data === 'object' && data !== null ? (data as { data?: unknown }).data : data
    if (typeof hex === 'string' && hex.startsWith('0x')) found ??= hex as Hex
    return false
  })
  if (found !== undefined) return found
  return /execution reverted/i.test(error.message) ? '0x' : undefined
}
