/** Counts what is open, and tells when nothing is. */
export type OpenCalls = {
  count(): number
  /** One more; what it returns takes it off again, once. */
  enter(): () => void
  /** Resolves when nothing is open. */
  idle(): Promise<void>
}

export function createOpenCalls(): OpenCalls {
  const waiting: (() => void)[] = []
  let open = 0
  return {
    count: () => open,
    enter: () => {
      let left = false
      open++
      return () => {
        if (left) return
        left = true
        if (--open === 0) for (const resolve of waiting.splice(0)) resolve()
      }
    },
    idle: () => (open === 0 ? Promise.resolve() : new Promise(resolve => waiting.push(resolve))),
  }
}
