import { relayAbi } from '@nacre/contracts'
import type { RelayRequest } from '@nacre/sdk'
import type { Hex } from '@nacre/verify'
import { type Draw, readDraw } from './draw.ts'
import { createReader, type Mined, type RelayEvent, readRequestEvents } from './events.ts'
import type { Source } from './source.ts'

/** One step of a request on chain. */
export type Hop =
  | ({ hop: 'requested'; kind: 'direct' | 'by-hash'; request: RelayRequest } & Mined)
  | ({ hop: 'drawn' } & Draw)
  | ({ hop: 'accepted'; operator: Hex; until: number } & Mined)
  | ({ hop: 'declined'; operator: Hex } & Mined)
  | ({
      hop: 'fulfilled'
      operator: Hex
      receiptId: Hex
      status: number
      callbackOk: boolean
      paid: bigint
      gasPaid: bigint
    } & Mined)
  | ({ hop: 'expired'; operator: Hex; slashed: bigint; refund: bigint } & Mined)

export type Asked = Extract<Hop, { hop: 'requested' }>

/** Reads a request's hops as they are now; undefined when the chain does not know it. */
export function createHopReader(source: Source, id: Hex): () => Promise<Hop[] | undefined> {
  const read = createReader(source.client)
  const draws = new Map<Hex, Promise<Draw>>()
  let from = BigInt(source.deployment.block)
  return async () => {
    const events = await readRequestEvents(source, id, from)
    const [first] = events
    if (first?.eventName !== 'Requested' && first?.eventName !== 'RequestedByHash') return undefined
    const kind = first.eventName === 'Requested' ? 'direct' : 'by-hash'
    const { request } = first.args
    const asked: Hop = { hop: 'requested', kind, request, ...(await read(first)) }
    // Nothing of it is older; a reorganisation moves it to a later block or to a sibling of this one.
    from = asked.block
    const draw = draws.get(first.blockHash) ?? readDraw(source, id, request)
    draws.set(first.blockHash, draw)
    const later = await Promise.all(
      events.slice(1).map(async event => hopOf(source, event, await read(event), request)),
    )
    return [asked, { hop: 'drawn', ...(await draw) }, ...later.filter(hop => hop !== undefined)]
  }
}

/** How it ended, if it did. */
export function endOf(hops: Hop[]): Extract<Hop, { hop: 'fulfilled' | 'expired' }> | undefined {
  return hops.find(hop => hop.hop === 'fulfilled' || hop.hop === 'expired')
}

async function hopOf(
  { client, deployment }: Source,
  { eventName, args }: RelayEvent,
  mined: Mined,
  { params }: RelayRequest,
): Promise<Hop | undefined> {
  if (eventName === 'Accepted')
    return { hop: 'accepted', operator: args.operator, until: Number(args.until), ...mined }
  if (eventName === 'Declined') return { hop: 'declined', operator: args.operator, ...mined }
  if (eventName === 'Fulfilled') {
    const { operator, receiptId, status, callbackOk, paid, gasPaid } = args
    return { hop: 'fulfilled', operator, receiptId, status, callbackOk, paid, gasPaid, ...mined }
  }
  if (eventName !== 'Expired') return undefined
  const quote = { address: deployment.relay, abi: relayAbi, functionName: 'quote', args: [params] } as const
  const refund = await client.readContract(quote)
  return { hop: 'expired', operator: args.assigned, slashed: args.slashed, refund, ...mined }
}
