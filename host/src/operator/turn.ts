import { operatorsAbi } from '@nacre/contracts'
import {
  encodeAbiParameters,
  type Hex,
  hexToBigInt,
  isAddressEqual,
  keccak256,
  type PublicClient,
  zeroAddress,
} from 'viem'
import { callContract } from '../chain/reverts.ts'

/** What the order is drawn for. */
export type Drawn = {
  id: Hex
  blockHash: Hex
  timestamp: bigint
  params: { artifact: Hex; feeToken: Hex; fee: bigint }
}

const DRAWS = 16
/** Steps over which those who were not drawn are spread. */
const SPREAD = 8n

/**
 * How many operators go before this one when the assigned one let its window pass: 0 for the first. Drawn from the
 * slots by the request's own block, as the assignment is: every operator finds the same order, nobody chooses it, and a
 * larger stake is first more often. Who is not drawn comes later, spread by a hash. A convention between agents, which
 * saves the gas of being second: the contract takes the first answer. Throws CHAIN_UNAVAILABLE.
 */
export async function fallbackRank(options: {
  client: PublicClient
  operators: Hex
  operator: Hex
  assigned: Hex
  request: Drawn
}): Promise<number> {
  const { operator, assigned, request } = options
  const drawn = await callContract(() => drawHolders(options.client, options.operators, request))
  const order = drawn.filter(one => !isAddressEqual(one, assigned))
  const rank = order.findIndex(one => isAddressEqual(one, operator))
  return rank === -1 ? order.length + Number(numberOf(request, BigInt(operator)) % SPREAD) : rank
}

/** The holders of the slots drawn that offered to answer this, each once. */
async function drawHolders(client: PublicClient, address: Hex, request: Drawn): Promise<Hex[]> {
  const { artifact, feeToken, fee } = request.params
  const operators = { address, abi: operatorsAbi } as const
  const epoch = await client.readContract({
    ...operators,
    functionName: 'epochAt',
    args: [request.timestamp],
  })
  const draw = (number: number) => {
    const args = [numberOf(request, BigInt(number)), epoch] as const
    return client.readContract({ ...operators, functionName: 'assigned', args })
  }
  const holders = new Set(await Promise.all(Array.from({ length: DRAWS }, (_, number) => draw(number))))
  holders.delete(zeroAddress)
  const offers = async (holder: Hex) => {
    const args = [holder, artifact, feeToken, epoch] as const
    const { active, price } = await client.readContract({ ...operators, functionName: 'offerAt', args })
    return active && price <= fee ? [holder] : []
  }
  return (await Promise.all([...holders].map(offers))).flat()
}

function numberOf({ blockHash, id }: Drawn, salt: bigint): bigint {
  const types = [{ type: 'bytes32' }, { type: 'bytes32' }, { type: 'uint256' }] as const
  return hexToBigInt(keccak256(encodeAbiParameters(types, [blockHash, id, salt])))
}
