import { enclaveRegistryAbi, relayAbi } from '@nacre/contracts'
import { explainRevert, type RelayRequest } from '@nacre/sdk'
import { type Hex, ZERO_ADDRESS } from '@nacre/verify'
import { readDraw } from '../watch/draw.ts'
import { readEvents } from './chain.ts'
import type { Subject } from './facts.ts'

/** An open request that costs the operator a penalty when it expires. */
export type Duty = { id: Hex; artifact: Hex; deadline: bigint }

type Asked = { id: Hex; artifact: Hex; request: RelayRequest }

/** A draw rests on the request's block hash, which the chain forgets after so many blocks (EIP-2935). */
const REACH = 8_191n

/** Open requests that the account was drawn for, or accepted. */
export async function readDuties(subject: Subject): Promise<Duty[]> {
  const { client, contracts } = subject
  const latest = await client.getBlockNumber()
  const oldest = latest > REACH ? latest - REACH : 0n
  const from = oldest > contracts.block ? oldest : contracts.block
  const call = { address: contracts.relay, abi: relayAbi, strict: true } as const
  const [direct, byHash] = await Promise.all([
    readEvents(
      range => client.getContractEvents({ ...call, eventName: 'Requested', ...range }),
      from,
      latest,
    ),
    readEvents(
      range => client.getContractEvents({ ...call, eventName: 'RequestedByHash', ...range }),
      from,
      latest,
    ),
  ])
  const duties = await Promise.all([
    ...direct.map(({ args }) => dutyOf(subject, args, () => drawnOf(subject, args, latest))),
    ...byHash.map(({ args }) => dutyOf(subject, args, () => acceptedOf(subject, args))),
  ])
  return duties.filter(duty => duty !== undefined)
}

async function dutyOf(
  { client, contracts, account }: Subject,
  { id, artifact, request }: Asked,
  whose: () => Promise<Hex>,
): Promise<Duty | undefined> {
  const open = { address: contracts.relay, abi: relayAbi, functionName: 'commitmentOf', args: [id] } as const
  if (BigInt(await client.readContract(open)) === 0n) return undefined
  const mine = (await whose()).toLowerCase() === account
  return mine ? { id, artifact, deadline: request.params.deadline } : undefined
}

async function drawnOf({ client, contracts }: Subject, { id, request }: Asked, latest: bigint): Promise<Hex> {
  if (request.blockNumber < latest) {
    const call = { address: contracts.relay, abi: relayAbi, functionName: 'assignedOf' } as const
    const [operator] = await client.readContract({ ...call, args: [request] }).catch(error => {
      // Answered in between: no duty any more.
      if (explainRevert(error) !== error) return [ZERO_ADDRESS as Hex] as const
      throw error
    })
    return operator
  }
  // A contract that is asked as of the newest block does not know that block's hash.
  const registry = { address: contracts.enclaveRegistry, abi: enclaveRegistryAbi } as const
  const releases = await client.readContract({ ...registry, functionName: 'RELEASES' })
  const { holder, fits } = await readDraw({ client, deployment: { ...contracts, releases } }, id, request)
  return fits && holder ? holder : ZERO_ADDRESS
}

async function acceptedOf({ client, contracts }: Subject, { id }: Asked): Promise<Hex> {
  const call = { address: contracts.relay, abi: relayAbi, functionName: 'acceptanceOf', args: [id] } as const
  return (await client.readContract(call))[0]
}
