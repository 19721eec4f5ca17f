import { close, read, write } from 'node:fs'
import { Duplex } from 'node:stream'

const CHUNK = 65_536
/** How long a port that nobody has spoken on is left alone before it is read again. */
const QUIET_MS = 10
const GONE_MS = 20_000

/**
 * An open descriptor as a stream; for a virtio-serial port or a vsock connection, which node:net does not take. Reads
 * and writes block, each in a thread of Node's pool. A port whose other end is not open reads as ended: until the first
 * byte has come, it is read again. A host that has written nothing after twenty seconds, or read nothing for as long, is
 * gone: writes to its port would wait for ever, and nothing else tells.
 */
export function streamOf(fd: number, goneMs: number = GONE_MS): Duplex {
  const buffer = Buffer.allocUnsafe(CHUNK)
  const end = performance.now() + goneMs
  let heard = false
  const next = (stream: Duplex): void => {
    // Its number may be another file's by now.
    if (stream.destroyed) return
    read(fd, buffer, 0, CHUNK, null, (error, length) => {
      if (error) stream.destroy(error)
      else if (length > 0) {
        heard = true
        stream.push(Buffer.from(buffer.subarray(0, length)))
      } else if (heard || performance.now() > end) stream.push(null)
      else setTimeout(next, QUIET_MS, stream)
    })
  }
  return new Duplex({
    allowHalfOpen: false,
    read() {
      next(this)
    },
    write(chunk: Buffer, _encoding, done) {
      const late = setTimeout(() => this.destroy(new Error('the host reads nothing')), goneMs)
      writeAll(fd, chunk, error => {
        clearTimeout(late)
        done(error)
      })
    },
    destroy(error, done) {
      close(fd, () => done(error))
    },
  })
}

function writeAll(fd: number, chunk: Buffer, done: (error?: Error | null) => void): void {
  write(fd, chunk, 0, chunk.length, null, (error, written) => {
    if (error || written === chunk.length) done(error)
    else writeAll(fd, chunk.subarray(written), done)
  })
}
