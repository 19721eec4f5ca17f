import type { Readable } from 'node:stream'

/** `u32be length | content`, one after the other (docs/protocol.md, Security module). @throws Error for one above `max` */
export async function* framesOf(stream: Readable, max: number): AsyncGenerator<Buffer> {
  let received = Buffer.alloc(0)
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    received = Buffer.concat([received, chunk])
    while (received.length >= 4) {
      const length = received.readUInt32BE(0)
      if (length > max) throw new Error(`a frame of ${length} bytes, at most ${max}`)
      if (received.length < 4 + length) break
      yield received.subarray(4, 4 + length)
      received = received.subarray(4 + length)
    }
  }
}

export function frameOf(content: Uint8Array): Buffer {
  const header = Buffer.alloc(4)
  header.writeUInt32BE(content.length)
  return Buffer.concat([header, content])
}
