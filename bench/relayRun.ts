import { setTimeout as sleep } from 'node:timers/promises'
import { relayAbi } from '@nacre/contracts'
import type { Hex } from '@nacre/verify'
import { encodeFunctionData } from 'viem'
import type { Askers } from './relayAskers.ts'
import type { Tracked, Tracker } from './relayEvents.ts'
import type { Killer } from './relayKills.ts'
import type { Question } from './relayPlan.ts'

export type Run = {
  tracker: Tracker
  askers: Askers
  killer: Killer
  say: (text: string) => void
  /** Requests open at once. */
  most: number
}

/** Seconds: long enough that an operator that was killed is back, and that another one answers in its place. */
export const DEADLINE_S = 120
/** The chain's clock may be behind this machine's. */
const EXPIRE_AFTER_S = 3
const POLL_MS = 10
const SAY_MS = 2_000
/** When none has ended for so long, one is lost: all have been answered or are refundable. */
const LOST_MS = (DEADLINE_S + 60) * 1000

/** Keeps as many requests open as it may, until all have ended. Throws when one does not end. */
export async function askAll(run: Run, questions: Question[]): Promise<void> {
  const { tracker, askers, killer, say, most } = run
  const refunds = new Map<Hex, number>()
  let [asked, before] = [0, 0]
  let [saidAt, movedAt] = [performance.now(), performance.now()]
  for (;;) {
    await tracker.poll()
    const open = tracker.open()
    const ended = tracker.requests.size - open.length
    killer.look(ended)
    if (ended === questions.length) return
    // What was sent and is not mined yet counts as open.
    for (; asked < questions.length && asked - ended < most; asked++) {
      await askers.ask(questions[asked]!)
      // A request and its answer that are first seen together would have taken no time.
      await tracker.poll()
    }
    for (const request of open) await refundOverdue(askers, request, refunds)
    const now = performance.now()
    if (ended !== before) [before, movedAt] = [ended, now]
    if (now - movedAt > LOST_MS) throw new Error(`${asked - ended} of ${asked} requests do not end`)
    if (now - saidAt > SAY_MS) {
      say(`${ended} of ${questions.length} ended, ${asked - ended} open`)
      saidAt = now
    }
    await sleep(POLL_MS)
  }
}

/** Whoever asks may have it refunded: here at once, where agents leave it to each other for a while. */
async function refundOverdue(
  askers: Askers,
  { id, request }: Tracked,
  refunds: Map<Hex, number>,
): Promise<void> {
  const now = Date.now()
  const due = (Number(request.params.deadline) + EXPIRE_AFTER_S) * 1000
  if (now < (refunds.get(id) ?? due)) return
  refunds.set(id, now + EXPIRE_AFTER_S * 1000)
  await askers.call(encodeFunctionData({ abi: relayAbi, functionName: 'expire', args: [request] }))
}
