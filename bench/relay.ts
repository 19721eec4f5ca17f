/** Many requests at once over several operators, which may be killed: how many end how, how fast, and whether it adds up. */
import { setTimeout as sleep } from 'node:timers/promises'
import { relayAbi } from '@nacre/contracts'
import { chainClient } from '../cli/src/dev/clients.ts'
import { withNetwork } from './devNetwork.ts'
import { openNetwork } from './network.ts'
import { createAskers } from './relayAskers.ts'
import { type Checks, checkRun } from './relayChecks.ts'
import { createTracker, type Tracker } from './relayEvents.ts'
import { createKiller } from './relayKills.ts'
import { planKills, planQuestions } from './relayPlan.ts'
import { askAll, DEADLINE_S } from './relayRun.ts'
import { percentile } from './stats.ts'

export type RelayOptions = {
  requests: number
  operators: number
  kill: boolean
  seed: number
  keep: boolean
}

export type RelayResult = { requests: number; answered: number; refunded: number } & Checks & {
    /** From the request's block to its Fulfilled event, both as this client sees them. */
    p50_ms: number
    p99_ms: number
    /** Requests that ended, a second. */
    per_second: number
    killed: number
    operators: number
    seed: number
  }

const PAUSE_MS = 50

/**
 * Covered requests only: they are those that somebody is slashed for. So many at once as the stake covers; what is open
 * here is no less than what the chain counts, so that it refuses none.
 */
export async function benchRelay(options: RelayOptions, say: (text: string) => void): Promise<RelayResult> {
  const { requests, operators, seed, keep } = options
  say(`starting a development network of ${operators} operators, SIMULATED …`)
  return withNetwork({ operators, keep }, async state => {
    const network = openNetwork(state)
    const client = chainClient(network.rpcUrl)
    const relay = { address: network.deployment.relay, abi: relayAbi } as const
    const most = Number(await client.readContract({ ...relay, functionName: 'MAX_OPEN' }))
    const tracker = await createTracker(client, relay.address)
    const askers = await createAskers(client, network, DEADLINE_S)
    const killer = createKiller(state, options.kill ? planKills(seed, requests, operators) : [], say)

    say(`${requests} requests, at most ${most} open at once, seed ${seed}`)
    const started = performance.now()
    await askAll({ tracker, askers, killer, say, most }, planQuestions(seed, requests))
    const seconds = (performance.now() - started) / 1000
    await killer.close()
    await Promise.all(network.operatorUrls.map(untilServing))
    say('all have ended; asking the chain and the operators')
    const checks = await checkRun(client, network, [...tracker.requests.keys()])
    const rate = Math.round((10 * requests) / seconds) / 10
    const run = { per_second: rate, killed: killer.killed(), operators, seed }
    return { requests, ...countEnds(tracker), ...checks, ...latencies(tracker), ...run }
  })
}

/** Whether every request ended, once, at nobody's cost. */
export function isSound(result: RelayResult): boolean {
  const { requests, answered, refunded, duplicated, slashed_honest, conserved } = result
  return answered + refunded === requests && duplicated === 0 && slashed_honest === 0 && conserved
}

function countEnds({ requests }: Tracker): { answered: number; refunded: number } {
  const ends = [...requests.values()].flatMap(({ end }) => end ?? [])
  const answered = ends.filter(end => end.answered).length
  return { answered, refunded: ends.length - answered }
}

function latencies({ requests }: Tracker): { p50_ms: number; p99_ms: number } {
  const times = [...requests.values()].flatMap(({ seenAt, end }) => (end?.answered ? [end.at - seenAt] : []))
  return { p50_ms: percentile(times, 0.5), p99_ms: percentile(times, 0.99) }
}

/** Whoever was killed is back. */
async function untilServing(url: string): Promise<void> {
  const isServing = () =>
    fetch(`${url}/health`).then(
      ({ ok }) => ok,
      () => false,
    )
  while (!(await isServing())) await sleep(PAUSE_MS)
}
