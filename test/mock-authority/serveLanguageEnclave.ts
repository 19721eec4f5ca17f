import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { LanguageEnclave } from './languageEnclave.ts'

/** What stands between a client and an enclave; the least is `request => enclave.fetch(request)`. */
export type Between = (request: Request) => Promise<Response>

/** Serves it over HTTP on the loopback. */
export async function serveLanguageEnclave(
  enclave: LanguageEnclave,
  between: Between = request => enclave.fetch(request),
): Promise<{ url: string; close: () => Promise<void> }> {
  const server = createServer(async (incoming, outgoing) => {
    const parts: Buffer[] = []
    for await (const part of incoming as AsyncIterable<Buffer>) parts.push(part)
    const { method = 'GET', url = '/' } = incoming
    const body = method === 'POST' ? { body: new Uint8Array(Buffer.concat(parts)) } : {}
    const headers = new Headers(incoming.headers as Record<string, string>)
    await between(new Request(new URL(url, 'http://enclave'), { method, headers, ...body })).then(
      response => write(response, outgoing),
      () => outgoing.destroy(),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

async function write(response: Response, outgoing: ServerResponse): Promise<void> {
  outgoing.writeHead(response.status, Object.fromEntries(response.headers))
  const reader = response.body?.getReader()
  outgoing.once('close', () => void reader?.cancel().catch(() => {}))
  try {
    for (;;) {
      const part = await reader?.read()
      if (part === undefined || part.done) break
      outgoing.write(part.value)
    }
    outgoing.end()
  } catch {
    outgoing.destroy()
  }
}
