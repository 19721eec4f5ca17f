import { relayAbi } from '@nacre/contracts'
import type { Hex } from '@nacre/verify'
import { readEvents } from './chain.ts'
import type { Subject } from './facts.ts'

/** An open request that costs the operator a penalty when it expires. */
export type Duty = { id: Hex; artifact: Hex; deadline: bigint }

/** A draw rests on the request's block hash, which the chain forgets after so many blocks (EIP-2935). */
const REACH = 8_191n

/** Open requests whose turn, by draw or by acceptance, is the account's. */
export async function readDuties(subject: Subject): Promise<Duty[]> {
  const { client, contracts, account } = subject
  const latest = await client.getBlockNumber()
  const oldest = latest > REACH ? latest - REACH : 0n
  const from = oldest > contracts.block ? oldest : contracts.block
  const call = { address: contracts.relay, abi: relayAbi, strict: true } as const
  const [drawn, byHash] = await Promise.all([
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
  const asked = [...drawn, ...byHash].map(({ args: { id, artifact, request } }) => ({
    id,
    artifact,
    request,
  }))
  const open = await Promise.all(
    asked.map(async ({ id, artifact, request }) => {
      const read = { address: contracts.relay, abi: relayAbi } as const
      const commitment = await client.readContract({ ...read, functionName: 'commitmentOf', args: [id] })
      if (BigInt(commitment) === 0n) return undefined
      const [operator] = await client
        .readContract({ ...read, functionName: 'assignedOf', args: [request] })
        .catch(() => [undefined])
      return operator?.toLowerCase() === account
        ? { id, artifact, deadline: request.params.deadline }
        : undefined
    }),
  )
  return open.filter(duty => duty !== undefined)
}
