import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** Where a durable write is held: before PostgreSQL gets it, or after, before anybody hears of it. */
export type Side = 'before' | 'after'

export type SqlProxy = {
  port: number
  /** Holds the first write whose SQL and values match; resolves when it is held. Its connection does nothing more. */
  hold(pattern: RegExp, side: Side): Promise<void>
  /** Ends the connections whose writes are held. */
  cut(): void
  close(): void
}

type Hold = { pattern: RegExp; side: Side; reached: () => void }

/** The server's last message when it is ready for the next query; a byte follows, T within a transaction. */
const READY = Buffer.from('Z\0\0\0\x05')

/** A PostgreSQL server before which writes can be held. */
export async function startSqlProxy(target: number): Promise<SqlProxy> {
  const sockets = new Set<Socket>()
  const holding = new Set<Socket>()
  let wanted: Hold | undefined

  const server = createServer(client => {
    const upstream = connect(target, '127.0.0.1')
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(one)
      one.on('error', () => other.destroy()).on('close', () => other.destroy() && sockets.delete(one))
    }
    let said = ''
    let inTransaction = false
    let held: Side | undefined
    client.on('data', chunk => {
      if (held === 'before') return
      said += chunk.toString('latin1')
      const writes = !inTransaction || said.includes('commit\0')
      if (wanted && !held && writes && wanted.pattern.test(said)) {
        held = wanted.side
        holding.add(client)
        wanted.reached()
        wanted = undefined
      }
      if (held !== 'before') upstream.write(chunk)
    })
    upstream.on('data', chunk => {
      if (held) return
      client.write(chunk)
      if (!chunk.subarray(-6, -1).equals(READY)) return
      inTransaction = chunk.at(-1) === 'T'.charCodeAt(0)
      if (!inTransaction) said = ''
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    hold: (pattern, side) =>
      new Promise(reached => {
        wanted = { pattern, side, reached }
      }),
    cut: () => {
      for (const socket of holding) socket.destroy()
      holding.clear()
    },
    close: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
