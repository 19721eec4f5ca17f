import { balancesAbi } from '@nacre/contracts'
import { type Hex, type ReservationTerms, reservationId } from '@nacre/verify'
import { type Abi, type PublicClient, type TransactionReceipt, zeroAddress } from 'viem'
import { sdkError } from './errors.ts'
import type { Wallet } from './relay.ts'
import { explainRevert, RELAY_ERRORS } from './revert.ts'

/** Money of a reservation, as the chain has it. */
export type Reservation = {
  /** What is left, in the token's smallest unit. */
  amount: bigint
  /** Until then the payer cannot take it back, seconds. */
  expiresAt: bigint
  /** Lowest index of a voucher that can still be settled. */
  nextIndex: bigint
}

type Sending = { client: PublicClient; wallet: Wallet; balances: Hex }

/**
 * Reserves money for one operator, or adds to a reservation of the same terms; the wallet is the payer's. A token's
 * allowance for the contract is the caller's to give. Returns the reservation's id.
 * @param options.expiresAt seconds; from then on `release` gives back what is left
 * @throws NacreError relay-reverted with the contract's own error
 */
export async function reserve(
  options: Sending & { terms: ReservationTerms; amount: bigint; expiresAt: bigint },
): Promise<{ id: Hex; transactionHash: Hex; gasUsed: bigint }> {
  const { client, balances, terms, amount, expiresAt } = options
  const value = terms.token === zeroAddress ? amount : 0n
  const { transactionHash, gasUsed } = await send(options, 'reserve', [terms, amount, expiresAt], value)
  const chainId = BigInt(await client.getChainId())
  return { id: reservationId({ chainId, balances }, terms), transactionHash, gasUsed }
}

/**
 * After its expiry: credits what is left of a reservation to its payer, who takes it out with `withdrawBalance`.
 * @throws NacreError relay-reverted with the contract's own error: NotExpired, NothingReserved
 */
export async function release(options: Sending & { terms: ReservationTerms }): Promise<Hex> {
  return (await send(options, 'release', [options.terms])).transactionHash
}

/** Takes out the wallet's credit. @throws NacreError relay-reverted: NothingToWithdraw, TransferFailed */
export async function withdrawBalance(options: Sending & { token: Hex; to?: Hex }): Promise<Hex> {
  const { wallet, token, to = wallet.account.address } = options
  return (await send(options, 'withdraw', [token, to])).transactionHash
}

/** Zeros when there is none. */
export async function reservationOf(options: {
  client: PublicClient
  balances: Hex
  id: Hex
}): Promise<Reservation> {
  const { client, balances: address, id } = options
  return client.readContract({ address, abi: balancesAbi, functionName: 'reservationOf', args: [id] })
}

async function send(
  { client, wallet, balances }: Sending,
  functionName: 'reserve' | 'release' | 'withdraw',
  args: readonly unknown[],
  value = 0n,
): Promise<TransactionReceipt> {
  const abi: Abi = [...balancesAbi.filter(entry => entry.type !== 'error'), ...RELAY_ERRORS]
  const call = { address: balances, abi, functionName, args, value, account: wallet.account } as const
  try {
    const { request } = await client.simulateContract(call)
    const receipt = await client.waitForTransactionReceipt({
      hash: await wallet.writeContract(request as never),
    })
    if (receipt.status === 'success') return receipt
    throw sdkError('relay-reverted', `The contract refused transaction ${receipt.transactionHash}.`)
  } catch (error) {
    throw explainRevert(error)
  }
}
