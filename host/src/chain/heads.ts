import { setTimeout as sleep } from 'node:timers/promises'

export type HeadsOptions = {
  wsUrl: string
  onHead: () => void
  /** Connected or not, whenever it changes. */
  onState?: (connected: boolean) => void
  signal: AbortSignal
  minPauseMs?: number
  maxPauseMs?: number
}

/** An announcement is a header. What is longer ends the connection, and the blocks are found by polling. */
const MAX_MESSAGE = 65_536

/** Calls onHead for every new block that the node announces; reconnects with a growing pause until aborted. */
export async function watchHeads(options: HeadsOptions): Promise<void> {
  const { signal, minPauseMs = 100, maxPauseMs = 5_000, onState } = options
  let pauseMs = minPauseMs
  while (!signal.aborted) {
    const connected = await listen(options)
    if (connected) {
      onState?.(false)
      pauseMs = minPauseMs
    }
    await sleep(pauseMs, undefined, { signal }).catch(() => {})
    pauseMs = Math.min(maxPauseMs, pauseMs * 2)
  }
}

/** One connection, until it closes. True when the node accepted the subscription. */
async function listen({ wsUrl, onHead, onState, signal }: HeadsOptions): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = new WebSocket(wsUrl)
  const close = () => socket.close()
  let connected = false
  signal.addEventListener('abort', close, { once: true })
  socket.onopen = () =>
    socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_subscribe', params: ['newHeads'] }))
  socket.onmessage = ({ data }) => {
    if (typeof data !== 'string' || data.length > MAX_MESSAGE) return socket.close()
    const message = parse(data)
    if (message.id === 1 && typeof message.result === 'string') {
      connected = true
      onState?.(true)
      onHead()
    } else if (message.id === 1) socket.close()
    else if (message.method === 'eth_subscription') onHead()
  }
  socket.onclose = () => resolve(connected)
  socket.onerror = () => resolve(connected)
  return promise.finally(() => signal.removeEventListener('abort', close))
}

/** Only the kind of message matters: what it says about the chain is read again by RPC. */
function parse(data: string): { id?: unknown; result?: unknown; method?: unknown } {
  try {
    return Object(JSON.parse(data))
  } catch {
    return {}
  }
}
