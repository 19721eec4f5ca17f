import { getRequest } from '@nacre/sdk'
import type { Hex } from '@nacre/verify'
import type { Known } from './source.ts'

/** What an operator says of a request: in its own words, unverified. */
export type View = {
  operator: Known
  /** A state of docs/operating.md; `unknown` when it has not seen the request, `unreachable` when it does not answer. */
  state: string
  reason: string | null
  hasBundle: boolean
}

const TIMEOUT_MS = 3_000

/** Asks all known operators at once; one that does not answer holds up nobody else for long. */
export async function readViews(operators: readonly Known[], id: Hex): Promise<View[]> {
  return Promise.all(
    operators.map(async operator => {
      try {
        const view = await getRequest({ url: operator.url, id, timeoutMs: TIMEOUT_MS })
        if (view === undefined) return { operator, state: 'unknown', reason: null, hasBundle: false }
        return { operator, state: view.state, reason: view.reason, hasBundle: view.hasBundle }
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        return { operator, state: 'unreachable', reason, hasBundle: false }
      }
    }),
  )
}
