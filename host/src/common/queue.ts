import { tooBusy } from './limit.ts'

/** Runs works one after the other, in the order in which they were handed over. A failure does not stop the next. */
export type Queue = <T>(work: () => Promise<T>) => Promise<T>

export function createQueue(): Queue {
  let last: Promise<unknown> = Promise.resolve()
  return work => {
    const result = last.then(work)
    last = result.catch(() => {})
    return result
  }
}

/** A queue for each key; `most` works are in it before another is refused with TOO_BUSY. */
export type Queues = <T>(key: string, work: () => Promise<T>, most?: number) => Promise<T>

/** Works of different keys run at the same time. A key without work takes no memory. */
export function createQueues(): Queues {
  const queues = new Map<string, { queue: Queue; waiting: number }>()
  return async (key, work, most = Number.POSITIVE_INFINITY) => {
    const own = queues.get(key) ?? { queue: createQueue(), waiting: 0 }
    if (own.waiting >= most) throw tooBusy(own.waiting)
    queues.set(key, own)
    own.waiting++
    try {
      return await own.queue(work)
    } finally {
      if (--own.waiting === 0) queues.delete(key)
    }
  }
}
