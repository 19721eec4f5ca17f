/** Items that come in their own time, for one reader. */
export type Queue<T> = {
  push(item: T, isLast: boolean): void
  /** What waits to be read, by `weigh`. */
  weight(): number
  fail(error: unknown): void
  items(): AsyncGenerator<T, void>
}

export function createQueue<T>(weigh: (item: T) => number): Queue<T> {
  const waiting: T[] = []
  let ended = false
  let weight = 0
  let failure: { error: unknown } | undefined
  let wake: () => void = () => undefined
  return {
    push(item, isLast) {
      waiting.push(item)
      weight += weigh(item)
      ended ||= isLast
      wake()
    },
    weight: () => weight,
    fail(error) {
      failure ??= { error }
      wake()
    },
    async *items() {
      for (;;) {
        if (failure) throw failure.error
        const next = waiting.shift()
        if (next !== undefined) {
          weight -= weigh(next)
          yield next
        } else if (ended) return
        else
          await new Promise<void>(resolve => {
            wake = resolve
          })
      }
    },
  }
}
