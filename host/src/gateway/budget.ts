/** Bytes that are held at a time, altogether. */
export type Budget = { open(): Held }

/** What one holder has of them. */
export type Held = {
  /** Takes more; false where there are no more. */
  take(bytes: number): boolean
  /** Gives all back. */
  close(): void
}

export function createBudget(most: number): Budget {
  let taken = 0
  return {
    open() {
      let own = 0
      return {
        take(bytes) {
          if (taken + bytes > most) return false
          taken += bytes
          own += bytes
          return true
        },
        close() {
          taken -= own
          own = 0
        },
      }
    },
  }
}
