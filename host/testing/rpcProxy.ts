import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'

export type Call = { id: number; method: string; params: unknown[] }

/** The node's answer to a call, as JSON-RPC has it. */
export type Answer = { result?: unknown; error?: { code: number; message: string; data?: unknown } }

/** What comes back: the node's own answer by `forward`, another one, bytes of any kind, or nothing: `drop`. */
export type Behaviour = (call: Call, forward: () => Promise<Answer>) => Promise<Answer | Uint8Array | 'drop'>

export type RpcProxy = {
  url: string
  /** How it answers from now on. */
  behave: (behaviour: Behaviour) => void
  close(): void
}

export const honest: Behaviour = (_, forward) => forward()

/** A JSON-RPC node between the agent and anvil that can hold, lose and change what passes. */
export async function startRpcProxy(target: number): Promise<RpcProxy> {
  let behaviour = honest
  const serve = async (incoming: IncomingMessage, response: ServerResponse) => {
    const call = JSON.parse(await textOf(incoming)) as Call
    const answer = await behaviour(call, async () => JSON.parse(await forward(target, JSON.stringify(call))))
    if (answer === 'drop') return void response.destroy()
    response.setHeader('content-type', 'application/json')
    if (answer instanceof Uint8Array) return void response.end(answer)
    response.end(JSON.stringify({ ...answer, jsonrpc: '2.0', id: call.id }))
  }
  // A caller that is killed in the middle of a call ends that call, and not the tests.
  const server = createServer((incoming, response) => {
    serve(incoming, response).catch(() => response.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    behave: next => {
      behaviour = next
    },
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

function forward(port: number, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const outgoing = request({ port, host: '127.0.0.1', method: 'POST', headers }, answer =>
      textOf(answer).then(resolve, reject),
    )
    outgoing.on('error', reject).end(body)
  })
}

async function textOf(message: IncomingMessage): Promise<string> {
  let text = ''
  for await (const part of message.setEncoding('utf8')) text += part
  return text
}
