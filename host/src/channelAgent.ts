import { Agent, type ClientRequestArgs } from 'node:http'
import type { Duplex } from 'node:stream'

/** What Node's HTTP client calls on a connection and only a net.Socket has. */
const SOCKET_METHODS = ['setKeepAlive', 'setNoDelay', 'setTimeout', 'ref', 'unref'] as const

/**
 * HTTP connections over whatever byte streams `connect` opens: a socket, or a tunnel into a VM. At most eight, kept open;
 * idle ones end here before the enclave would end them, so that no call meets a dying one.
 */
export function channelAgent(connect: () => Promise<Duplex>): Agent {
  const agent = new ChannelAgent({ keepAlive: true, timeout: 45_000, maxSockets: 8 })
  agent.open = async () => asSocket(await connect())
  return agent
}

class ChannelAgent extends Agent {
  open: () => Promise<Duplex> = () => Promise.reject(new Error('no connection'))

  override createConnection(
    _: ClientRequestArgs,
    done?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    this.open().then(
      stream => done?.(null, stream),
      error => done?.(error, undefined as never),
    )
  }
}

export function asSocket(stream: Duplex): Duplex {
  for (const method of SOCKET_METHODS)
    if (!(method in stream)) Object.defineProperty(stream, method, { value: () => stream })
  return stream
}
