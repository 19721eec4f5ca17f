import { relayAbi } from '@nacre/contracts'
import type { RelayRequest } from '@nacre/sdk'
import type { Hex } from '@nacre/verify'
import { type Log, type PublicClient, parseEventLogs } from 'viem'

/** A request of this run as its events tell it; times in ms. */
export type Tracked = {
  id: Hex
  request: RelayRequest
  seenAt: number
  end?: { at: number; answered: boolean }
}

/** What the relay's events say, since this was made. */
export type Tracker = {
  requests: Map<Hex, Tracked>
  open(): Tracked[]
  /** Reads what is new. */
  poll(): Promise<void>
}

export async function createTracker(client: PublicClient, relay: Hex): Promise<Tracker> {
  const requests = new Map<Hex, Tracked>()
  let read = await client.getBlockNumber()

  function apply(logs: Log[], at: number): void {
    for (const { eventName, args } of parseEventLogs({ abi: relayAbi, logs })) {
      if (eventName === 'Requested') requests.set(args.id, { id: args.id, request: args.request, seenAt: at })
      if (eventName !== 'Fulfilled' && eventName !== 'Expired') continue
      const request = requests.get(args.id)
      if (request) request.end ??= { at, answered: eventName === 'Fulfilled' }
    }
  }

  return {
    requests,
    open: () => [...requests.values()].filter(({ end }) => end === undefined),
    poll: async () => {
      const newest = await client.getBlockNumber()
      if (newest <= read) return
      const logs = await client.getLogs({ address: relay, fromBlock: read + 1n, toBlock: newest })
      apply(logs, performance.now())
      read = newest
    },
  }
}
