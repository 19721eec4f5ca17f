/** What the steps of a verification share. */
import type { Graph, Layout } from '../graph/graph.ts'
import type { Channel } from './channel.ts'
import type { Checks } from './checks.ts'
import type { Claims } from './claims.ts'

export type Session = { graph: Graph; layout: Layout; channel: Channel; checks: Checks; claims: Claims }
