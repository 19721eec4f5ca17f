/** Items that come in their own time, for one reader. */
export type Queue<T> = {
  push(item: T, isLast: boolean): void
  fail(error: unknown): void
  items(): AsyncGenerator<T, void>
}

export function createQueue<T>(): Queue<T> {
  const waiting: T[] = []
  let ended = false
  let failure: { error: unknown } | undefined
  let wake: () => void = () => undefined
  return {
    push(item, isLast) {
      waiting.push(item)
      ended ||= isLast
      wake()
    },
    fail(error) {
      failure ??= { error }
      wake()
    },
    async *items() {
      for (;;) {
        if (failure) throw failure.error
        if (waiting.length) yield waiting.shift()!
        else if (ended) return
        else
          await new Promise<void>(resolve => {
            wake = resolve
          })
      }
    },
  }
}
