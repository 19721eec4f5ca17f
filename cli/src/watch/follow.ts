import type { Hex } from '@nacre/verify'
import { CliError } from '../errors.ts'
import { type Asked, createHopReader, endOf, type Hop } from './hops.ts'
import type { Source } from './source.ts'
import { readViews, type View } from './views.ts'

export type Followed = {
  state: 'open' | 'fulfilled' | 'expired'
  asked: Asked
  hops: Hop[]
  /** What operators said last. */
  views: View[]
}

export type FollowOptions = {
  timeoutMs: number
  onHop: (hop: Hop, asked: Asked) => void
  /** An operator says something new of it. */
  onView: (view: View, asked: Asked) => void
  /** The deadline has passed and nobody has had it refunded. */
  onOverdue: () => void
}

const POLL_MS = 250

/**
 * Follows a request until it is answered or refunded, or the time is up; tells every hop once, as it is seen.
 * @throws CliError unknown-request
 */
export async function follow(source: Source, id: Hex, options: FollowOptions): Promise<Followed> {
  const readHops = createHopReader(source, id)
  const told = new Set<string>()
  const once = (key: string, tell: () => void): void => {
    if (!told.has(key)) tell()
    told.add(key)
  }
  const pollMs = Math.max(POLL_MS, source.client.pollingInterval)
  for (const stop = Date.now() + options.timeoutMs; ; await pause(Math.min(pollMs, stop - Date.now()))) {
    const [hops, views] = await Promise.all([readHops(), readViews(source.operators, id)])
    const [asked] = hops ?? []
    if (hops === undefined || asked?.hop !== 'requested') throw unknownRequest(id)
    const end = endOf(hops)
    for (const hop of hops) once(keyOf(hop), () => options.onHop(hop, asked))
    for (const view of views) once(viewKey(view), () => options.onView(view, asked))
    if (end) return { state: end.hop, asked, hops, views }
    if (Date.now() / 1000 > Number(asked.request.params.deadline)) once('overdue', options.onOverdue)
    if (Date.now() >= stop) return { state: 'open', asked, hops, views }
  }
}

/** A hop in another block is another hop. */
function keyOf(hop: Hop): string {
  return hop.hop === 'drawn' ? `drawn ${hop.holder}` : `${hop.hop} ${hop.block} ${hop.transaction}`
}

function viewKey({ operator, state, reason }: View): string {
  return `${operator.url} ${state} ${reason}`
}

function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, Math.max(0, milliseconds)))
}

function unknownRequest(id: Hex): CliError {
  return new CliError('unknown-request', {
    what: `the relay has no request ${id}`,
    why: 'it was asked on another chain or relay, or its block was dropped',
    fix: 'check the id, and the network: --state, or --rpc and --deployment',
  })
}
