import { createPublicClient, custom, type PublicClient } from 'viem'
import { inTime } from '../common/wait.ts'
import { createClient, read } from './client.ts'
import { createComparison, type Shown, type Views, type WitnessState } from './compare.ts'
import { decodeRevert } from './reverts.ts'

/**
 * The nodes that the chain is read from: one, or two of different providers, of which each is the other's witness.
 * What obliges us counts when either says so, what frees us only when both do.
 */
export type Nodes = {
  /** Reads from the node that leads, from the other one when that fails. Transactions go to both. */
  client: PublicClient
  /** The other node, while it shows the chain that is followed. */
  witness(): PublicClient | undefined
  /** The nodes whose word it takes to be freed, each for itself: both, or the one that is read while it has no witness. */
  each(): PublicClient[]
  /** The block to read up to now, and who shows it; undefined while the nodes have different ones and may yet agree. */
  head(): Promise<Shown | undefined>
  /** What the leading node says, unless the other's answer obliges us more. */
  strictest<T>(question: Question<T>): Promise<T>
  /** What the leading node says, and what the other one does. */
  answers<T>(ask: Ask<T>): Promise<[leading: T, other?: T]>
  /** The nodes contradict each other: said in the log with both views, and counted. */
  disagree(kind: string, views: Views): void
}

export type Ask<T> = (client: PublicClient) => Promise<T>

export type Question<T> = {
  kind: string
  /** What it is about: a request, a transaction. */
  of: string
  ask: Ask<T>
  /** How much an answer obliges us. */
  weight: (answer: T) => number
  /** From this weight on the other node is not asked. */
  enough: number
  /** What the log shows of an answer. */
  show?: (answer: T) => unknown
}

export type NodesOptions = {
  rpcUrl: string
  witnessUrl?: string | undefined
  /** How long the nodes may differ before it means something. */
  lagMs?: number | undefined
  onDisagreement?: (kind: string, views: Views) => void
  onWitness?: (state: WitnessState) => void
}

/** A node that failed is left alone so long, if there is another one; twice as long when it fails again. */
const PAUSE_MS = 1_000
const MAX_PAUSE_MS = 30_000

export function createNodes(options: NodesOptions): Nodes {
  const primary = createClient(options.rpcUrl)
  return options.witnessUrl === undefined
    ? alone(primary)
    : pair(primary, createClient(options.witnessUrl), options)
}

function alone(client: PublicClient): Nodes {
  return {
    client,
    witness: () => undefined,
    each: () => [client],
    head: async () => ({ head: await read(() => client.getBlock()), by: 'one' }),
    strictest: ({ ask }) => ask(client),
    answers: async ask => [await ask(client)],
    disagree: () => {},
  }
}

function pair(primary: PublicClient, second: PublicClient, options: NodesOptions): Nodes {
  const { lagMs = 5_000, onDisagreement, onWitness } = options
  const pauses = new Map<PublicClient, { until: number; ms: number }>()
  let leading = primary
  let state: WitnessState | undefined

  const other = () => (leading === primary ? second : primary)
  const works = (node: PublicClient) => performance.now() >= (pauses.get(node)?.until ?? 0)
  const failed = (node: PublicClient) => {
    if (!works(node)) return
    const ms = Math.min(MAX_PAUSE_MS, 2 * (pauses.get(node)?.ms ?? PAUSE_MS / 2))
    pauses.set(node, { until: performance.now() + ms, ms })
  }
  const answered = (node: PublicClient) => void pauses.delete(node)

  async function request(call: { method: string; params?: unknown }): Promise<unknown> {
    if (call.method === 'eth_sendRawTransaction') return sendToBoth(call)
    const [one, next] = works(leading) ? [leading, other()] : [other(), leading]
    return one.request(call as never).catch(error => {
      if (decodeRevert(error)) throw error
      // An error that the node itself tells may be of this call alone.
      if (!('code' in error)) failed(one)
      return next.request(call as never)
    })
  }

  /** Refused when both refuse; the one that answers last is not waited for. */
  async function sendToBoth(call: { method: string; params?: unknown }): Promise<unknown> {
    const sent = [primary, second].map(node => node.request(call as never))
    return Promise.any(sent).catch(({ errors }: AggregateError) => Promise.reject(errors[0]))
  }

  const disagree = (kind: string, views: Views) => onDisagreement?.(kind, views)
  const compare = createComparison({ lagMs, works, failed, answered, disagree })

  /** Undefined when it is not there: its answer is asked for, and not waited for in vain. */
  async function askWitness<T>(ask: Ask<T>): Promise<{ answer: T } | undefined> {
    const witness = nodes.witness()
    if (!witness) return undefined
    const answer = ask(witness)
      .then(answer => ({ answer }))
      .catch(() => undefined)
    return inTime(answer, lagMs)
  }

  async function strictest<T>(question: Question<T>): Promise<T> {
    const { kind, of, ask, weight, enough, show = answer => answer } = question
    const said = await ask(client)
    const told = weight(said) < enough ? await askWitness(ask) : undefined
    if (!told || weight(told.answer) <= weight(said)) return said
    disagree(kind, { of, leading: show(said), other: show(told.answer) })
    return told.answer
  }

  async function answers<T>(ask: Ask<T>): Promise<[T, T?]> {
    const [said, told] = await Promise.all([ask(client), askWitness(ask)])
    return told ? [said, told.answer] : [said]
  }

  const client = createPublicClient({ transport: custom({ request }, { retryCount: 0 }), cacheTime: 0 })
  const nodes: Nodes = {
    client,
    witness: () => (state === 'agrees' && works(other()) ? other() : undefined),
    each: () => (nodes.witness() ? [primary, second] : [client]),
    async head() {
      const found = await compare(primary, second)
      leading = found.leads === 'second' ? second : primary
      if (found.state !== state) onWitness?.(found.state)
      state = found.state
      return found.shown
    },
    strictest,
    answers,
    disagree,
  }
  return nodes
}
