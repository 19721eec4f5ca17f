/** Bytes that are held at a time, altogether. */
export type Budget = {
  /** Takes so many; undefined where they are not there. What it returns gives them back, once. */
  take(bytes: number): (() => void) | undefined
}

export function createBudget(most: number): Budget {
  let taken = 0
  return {
    take(bytes) {
      if (taken + bytes > most) return undefined
      taken += bytes
      let given = false
      return () => {
        if (!given) taken -= bytes
        given = true
      }
    },
  }
}
