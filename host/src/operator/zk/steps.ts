import { ASSURANCE } from '@nacre/verify'
import type { Hex } from 'viem'
import type { MinedBy } from '../../chain/minedBy.ts'
import type { Nodes } from '../../chain/nodes.ts'
import type { Head } from '../../chain/watcher.ts'
import type { Profile } from '../decide.ts'
import { accept } from '../fulfil.ts'
import type { Inputs } from '../inputs.ts'
import { chainRequest } from '../requests.ts'
import type { RequestRow } from '../tables.ts'
import type { Transactions } from '../transactions.ts'
import { refusalOf, type ZkModel } from './models.ts'
import type { Prover } from './prover.ts'

export type ZkSources = {
  profile: Profile
  nodes: Nodes
  minedBy: MinedBy
  transactions: Transactions
  inputs: Inputs
  prover: Prover
}

/** What to do with a request now. `send`: it is proven and accepted. */
export type ZkStep = { skip: string; why?: string } | { waitS: number; reason: string } | 'send'

const RETRY_S = 1

/** Whether a request wants a proof. */
export function isZk(row: RequestRow): boolean {
  return chainRequest(row).params.assurance === ASSURANCE.zk
}

/**
 * One step towards the proof: the input, whose commitment is checked before anything is accepted; the acceptance, which is
 * a duty with stake behind it, and who is paid; the proof. After a restart what is done is found done: the acceptance on
 * chain, where a decline may have taken it back, and the proof with the request. Throws CHAIN_UNAVAILABLE, DATABASE_UNAVAILABLE.
 */
export async function zkStep(from: ZkSources, row: RequestRow, head: Head): Promise<ZkStep> {
  const { prover, inputs, nodes, profile, transactions } = from
  const model = prover.models.get(row.artifact)
  if (!model) return { skip: 'unknown-artifact' }
  const input = row.input ?? inlineInput(row.source)
  if (input === undefined) {
    const { final, reason } = inputs.fetch(row, bytes => refusalFor(model, row, bytes))
    return final ? { skip: reason } : { waitS: RETRY_S, reason }
  }
  const why = refusalFor(model, row, input)
  if (why !== undefined) return { skip: 'input-refused', why }
  // Nobody is slashed for what was not accepted: what cannot be proven in time is left to others.
  const isInTime = async () => prover.reserve(row, await from.minedBy(head))
  const accepted = await accept(transactions, nodes.client, profile, row, isInTime)
  if (accepted === 'accepting') return { waitS: RETRY_S, reason: accepted }
  if (accepted === 'done') {
    if (row.state === 'answered') return 'send'
    prover.begin(row, input)
    return { waitS: RETRY_S, reason: 'proving' }
  }
  prover.release(row)
  if (accepted === 'unwanted') return { skip: 'too-late' }
  return { waitS: RETRY_S, reason: typeof accepted === 'string' ? accepted : accepted.refused }
}

function refusalFor(model: ZkModel, row: RequestRow, input: Hex): string | undefined {
  return refusalOf(model, input, chainRequest(row).inputHash)
}

/** `http:` and `https:`, in hex. */
const URLS = ['0x687474703a', '0x68747470733a']

/** A source that is no URL is the input itself: a tensor begins with its version. */
function inlineInput(source: Hex | null): Hex | undefined {
  return source === null || URLS.some(url => source.startsWith(url)) ? undefined : source
}
