import { createLimit, type Limit } from '../common/limit.ts'
import { createOpenCalls, type OpenCalls } from '../common/openCalls.ts'
import type { Seen } from './look.ts'

/** An enclave that serves at an operator. */
export type Backend = Seen & {
  /** The operator's address. */
  url: string
  /** Calls of this gateway that are in it. */
  open: OpenCalls
  /** Has it asked for attestations: a few at a time. */
  reports: Limit
  /** Set when it serves no more: calls that have no answer yet are for others. */
  gone: AbortSignal
  /** A call met nobody there: others are asked first for a while. */
  suspect(): void
  isSuspect(): boolean
}

const SUSPECT_MS = 3_000

/** `leave` says that it serves no more. */
export function createBackend(url: string, seen: Seen): Backend & { leave(): void } {
  const gone = new AbortController()
  let suspectUntil = 0
  return {
    ...seen,
    url,
    open: createOpenCalls(),
    reports: createLimit(8, 64),
    gone: gone.signal,
    leave: () => gone.abort(new Error('the enclave serves no more')),
    suspect: () => {
      suspectUntil = performance.now() + SUSPECT_MS
    },
    isSuspect: () => performance.now() < suspectUntil,
  }
}

/** Those that are to be tried, in order: without a recent failure first, then whoever has the least to do, then by chance. */
export function inOrder(backends: Backend[]): Backend[] {
  const rank = (backend: Backend) => ({
    backend,
    weight: Number(backend.isSuspect()) * 1e6 + backend.open.count() + Math.random() / 2,
  })
  return backends
    .map(rank)
    .toSorted((one, other) => one.weight - other.weight)
    .map(({ backend }) => backend)
}
