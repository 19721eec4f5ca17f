import {
  BaseError,
  createPublicClient,
  type Hex,
  http,
  LimitExceededRpcError,
  type PublicClient,
  ResponseBodyTooLargeError,
} from 'viem'
import { FatalError, HostError, RetryableError } from '../common/errors.ts'
import { genesisMismatch, type Origin } from './cursor.ts'

/** A block full of the largest inputs is below a third of it: more is a node that wants our memory. */
const MAX_ANSWER_BYTES = 32 * 2 ** 20

/**
 * The state that a call is made on. pending: as of the next block, with what waits to be in it; the more that is, the
 * more such a call costs the node.
 */
export type State = 'pending' | 'latest'

/** A viem client over HTTP; an answer is bound in time and size. */
export function createClient(rpcUrl: string): PublicClient {
  const limits = { retryCount: 1, timeout: 10_000, maxResponseBodySize: MAX_ANSWER_BYTES }
  return createPublicClient({ transport: http(rpcUrl, limits), cacheTime: 0 })
}

/** Checks that the node is of the expected chain and knows the relay. Throws GENESIS_MISMATCH, DEPLOYMENT_MISMATCH. */
export async function checkChain(client: PublicClient, origin: Origin): Promise<void> {
  const [chainId, genesis, code] = await read(() =>
    Promise.all([
      client.getChainId(),
      client.getBlock({ blockNumber: 0n }),
      client.getCode({ address: origin.relay }),
    ]),
  )
  const actual = { chainId, genesisHash: genesis.hash as Hex }
  if (chainId !== origin.chainId || genesis.hash !== origin.genesisHash) throw genesisMismatch(origin, actual)
  if (code !== undefined) return
  throw new FatalError(
    'DEPLOYMENT_MISMATCH',
    `There is no contract at ${origin.relay}, the relay of the deployment.`,
    {
      fix: 'Deploy again, or point rpcUrl at the chain of the deployment.',
    },
  )
}

/** Runs a read of the chain; a failure of the provider becomes CHAIN_UNAVAILABLE (retryable). */
export async function read<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw chainError(error)
  }
}

/** viem's errors are failures of the provider here: reads that may revert are decoded where they are made. */
export function chainError(error: unknown): unknown {
  if (error instanceof HostError || !(error instanceof BaseError)) return error
  return new RetryableError('CHAIN_UNAVAILABLE', `The chain cannot be read: ${error.shortMessage}`, {
    fix: 'Check rpcUrl and the node; work continues when it is back.',
    cause: error,
  })
}

/** Whether an answer was too large, for us or for the node: less may be asked for at once. */
export function isTooMuch(error: unknown): boolean {
  const cause = error instanceof HostError ? error.cause : error
  const tooMuch = (one: unknown) =>
    one instanceof ResponseBodyTooLargeError || one instanceof LimitExceededRpcError
  return cause instanceof BaseError && cause.walk(tooMuch) !== null
}
