import type { Hex } from '@nacre/verify'
import type { PublicClient } from 'viem'

/** Enough for the registrations of many starts. */
const GAS_MONEY = 10n ** 20n

/** Registrations cost gas, and anvil knows nothing of this account. */
export async function fund(client: PublicClient, address: Hex): Promise<void> {
  if ((await client.getBalance({ address })) >= GAS_MONEY / 2n) return
  await client.request({
    method: 'anvil_setBalance',
    params: [address, `0x${GAS_MONEY.toString(16)}`],
  } as never)
}
