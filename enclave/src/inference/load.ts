/** How busy the engine is: what a refused client is told to wait. */
export type Load = {
  /** An answer is made; the function that comes back says that it is done, or refused or given up: of that nothing is learned. */
  begin(): (answered: boolean) => void
  /** Whole seconds until a place is likely to be free, from what answers took lately. */
  retryAfter(): number
}

/** How much the newest answer counts in the average. */
const WEIGHT = 0.2
const MAX_SECONDS = 600

export function createLoad(sequences: number, now: () => number = () => performance.now()): Load {
  let open = 0
  let average = 1
  return {
    begin() {
      const start = now()
      open++
      let done = false
      return answered => {
        if (done) return
        done = true
        open--
        if (answered) average += WEIGHT * ((now() - start) / 1000 - average)
      }
    },
    retryAfter: () => Math.min(MAX_SECONDS, Math.max(1, Math.ceil((average * open) / sequences))),
  }
}
