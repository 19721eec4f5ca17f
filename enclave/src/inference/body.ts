import type { IncomingMessage } from 'node:http'
import { ApiError } from './apiErrors.ts'
import { MAX_HELD_BYTES } from './limits.ts'

/** Bodies of requests, of which only so many bytes are held at a time. */
export type Bodies = {
  /**
   * The whole body, counted as held until `release` is called.
   * @throws ApiError length_required, request_too_large, queue_full; Error when it breaks off
   */
  read(request: IncomingMessage, max: number): Promise<{ body: Buffer; release(): void }>
}

export function createBodies(maxHeld: number = MAX_HELD_BYTES): Bodies {
  let held = 0
  return {
    async read(request, max) {
      const length = lengthOf(request, max)
      // What has come is counted, not what was announced: promises would keep others out.
      let own = 0
      const take = (size: number) => {
        if (held + size > maxHeld) throw new ApiError('queue_full', `${held} bytes of requests wait already`)
        held += size
        own += size
      }
      const release = () => {
        held -= own
        own = 0
      }
      try {
        return { body: await readAll(request, length, take), release }
      } catch (error) {
        release()
        throw error
      }
    },
  }
}

function lengthOf({ headers }: IncomingMessage, max: number): number {
  const announced = headers['content-length']
  if (headers['transfer-encoding'] !== undefined || announced === undefined)
    throw new ApiError('length_required', 'send the body with a content-length header, not in chunks')
  const length = Number(announced)
  if (length > max) throw new ApiError('request_too_large', `a body of ${length} bytes, at most ${max}`)
  return length
}

async function readAll(
  request: IncomingMessage,
  length: number,
  take: (size: number) => void,
): Promise<Buffer> {
  // One buffer, which grows: a body that comes in single bytes would have an object for each.
  let body: Buffer = Buffer.allocUnsafeSlow(Math.min(length, FIRST_BYTES))
  let at = 0
  // A refusal in the middle has to be told: the request is not ended with it.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    take(chunk.length)
    if (at + chunk.length > body.length) body = grown(body, Math.min(length, 2 * (at + chunk.length)))
    at += chunk.copy(body, at)
  }
  if (at !== length) throw new ApiError('invalid_value', 'the body broke off')
  return body
}

const FIRST_BYTES = 65_536

function grown(bytes: Buffer, size: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(size)
  bytes.copy(larger)
  return larger
}
