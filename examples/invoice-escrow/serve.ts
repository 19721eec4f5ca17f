import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Hex, keccak256 } from '@nacre/verify'

/** Pictures on this machine's own address, each under its hash. Operators of `nacre dev` may fetch from it. */
export type PictureServer = {
  /** Hash and address of a picture, which is served from now on. */
  add(picture: Uint8Array): { hash: Hex; url: string }
  close(): Promise<void>
}

export async function servePictures(): Promise<PictureServer> {
  const pictures = new Map<string, Uint8Array>()
  const server = createServer(({ url }, response) => {
    const picture = pictures.get(url ?? '')
    response.writeHead(picture ? 200 : 404, { 'content-type': 'image/png' }).end(picture)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    add(picture) {
      const hash = keccak256(picture)
      pictures.set(`/${hash}.png`, picture)
      return { hash, url: `http://127.0.0.1:${port}/${hash}.png` }
    },
    close: async () => {
      server.closeAllConnections()
      await server[Symbol.asyncDispose]()
    },
  }
}
