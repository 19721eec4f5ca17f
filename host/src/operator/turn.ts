import { encodeAbiParameters, type Hex, hexToBigInt, isAddressEqual, keccak256, zeroAddress } from 'viem'
import type { Epoch, View } from './slots.ts'

/** What the order is drawn for. */
export type Drawn = {
  id: Hex
  blockHash: Hex
  timestamp: bigint
  params: { artifact: Hex; feeToken: Hex; fee: bigint }
  /** Hash of a block of the chain, the request's own or a later one. */
  asOf: Hex
}

/** And what its policy and deadline say. */
export type Asked = Drawn & { params: { deadline: bigint; assurance: number; releases: readonly Hex[] } }

const DRAWS = 16
/** Steps over which those who were not drawn are spread. */
const SPREAD = 8n

/**
 * Whose duty the chain will say that an open request is, from what is known of its epoch, without a call for each;
 * undefined when it takes more to know. It saves those who have to wait anyway from asking. Throws CHAIN_UNAVAILABLE.
 */
export async function presumedDuty(slots: View, request: Asked): Promise<Hex | undefined> {
  const { blockHash, id, timestamp, params } = request
  const epoch = await epochOf(slots, request)
  const seed = encodeAbiParameters([{ type: 'bytes32' }, { type: 'bytes32' }], [blockHash, id])
  const holder = await slots.holder(hexToBigInt(keccak256(seed)), epoch)
  if (holder === zeroAddress) return undefined
  const [offer, { releaseId, assurance }] = await Promise.all([
    slots.offer(holder, params, epoch),
    slots.profile(holder, epoch),
  ])
  const offers = offer.active && offer.price <= params.fee && offer.minDeadline <= params.deadline - timestamp
  const fits = assurance === params.assurance && params.releases.includes(releaseId)
  return offers && fits ? holder : undefined
}

/**
 * How many operators go before this one when the assigned one let its window pass: 0 for the first. Drawn from the
 * slots by the request's own block, as the assignment is: every operator finds the same order, nobody chooses it, and a
 * larger stake is first more often. Who is not drawn comes later, spread by a hash. A convention between agents, which
 * saves the gas of being second: the contract takes the first answer. Throws CHAIN_UNAVAILABLE.
 */
export async function fallbackRank(options: {
  slots: View
  operator: Hex
  assigned: Hex
  request: Drawn
}): Promise<number> {
  const { slots, operator, assigned, request } = options
  const drawn = await drawHolders(slots, request)
  const order = drawn.filter(one => !isAddressEqual(one, assigned))
  const rank = order.findIndex(one => isAddressEqual(one, operator))
  return rank === -1 ? order.length + Number(numberOf(request, BigInt(operator)) % SPREAD) : rank
}

/** The holders of the slots drawn that offered to answer this, each once. */
async function drawHolders(slots: View, request: Drawn): Promise<Hex[]> {
  const { params } = request
  const epoch = await epochOf(slots, request)
  const draws = Array.from({ length: DRAWS }, (_, number) =>
    slots.holder(numberOf(request, BigInt(number)), epoch),
  )
  const holders = new Set(await Promise.all(draws))
  holders.delete(zeroAddress)
  const offers = async (holder: Hex) => {
    const { active, price } = await slots.offer(holder, params, epoch)
    return active && price <= params.fee ? [holder] : []
  }
  return (await Promise.all([...holders].map(offers))).flat()
}

async function epochOf(slots: View, { timestamp, asOf }: Drawn): Promise<Epoch> {
  return { number: await slots.epochAt(timestamp), asOf }
}

function numberOf({ blockHash, id }: Drawn, salt: bigint): bigint {
  const types = [{ type: 'bytes32' }, { type: 'bytes32' }, { type: 'uint256' }] as const
  return hexToBigInt(keccak256(encodeAbiParameters(types, [blockHash, id, salt])))
}
