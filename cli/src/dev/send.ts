import type { Wallet } from '@nacre/sdk'
import type { PublicClient } from 'viem'

/** Sends a call that the contract takes, and waits until it is mined. */
export async function send(client: PublicClient, wallet: Wallet, call: object): Promise<void> {
  const account = wallet.account
  const { request } = await client.simulateContract({ ...call, account } as never)
  const hash = await wallet.writeContract(request as never)
  await client.waitForTransactionReceipt({ hash })
}
