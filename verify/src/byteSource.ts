import { concatAll } from './bytes.ts'

/** Bytes as they come, in pieces of any length. */
export type Pieces = AsyncIterable<Uint8Array> | Iterable<Uint8Array>

/** Takes exact numbers of bytes from pieces; each byte is copied once, however small the pieces are. */
export type ByteSource = {
  /** So many bytes; fewer only where the pieces end before. */
  take(size: number): Promise<Uint8Array>
  /** Tells the pieces' maker that no more are wanted. */
  close(): Promise<void>
}

export function byteSource(pieces: Pieces): ByteSource {
  const iterator = Symbol.asyncIterator in pieces ? pieces[Symbol.asyncIterator]() : pieces[Symbol.iterator]()
  let held: Uint8Array[] = []
  let size = 0
  return {
    async take(wanted) {
      while (size < wanted) {
        const next = await iterator.next()
        if (next.done) break
        held.push(next.value)
        size += next.value.length
      }
      const all = held.length === 1 ? (held[0] as Uint8Array) : concatAll(held)
      const taken = all.subarray(0, wanted)
      held = [all.subarray(taken.length)]
      size -= taken.length
      return taken
    },
    async close() {
      await iterator.return?.()
    },
  }
}
