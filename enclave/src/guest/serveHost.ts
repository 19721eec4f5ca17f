import { once } from 'node:events'
import { connect, Socket } from 'node:net'
import { streamOf } from './fdStream.ts'
import { type LinkService, serveLink } from './linkServer.ts'
import { moduleAt, serveModule } from './moduleServer.ts'

/** Serves the link until it ends: between the host, init, and the guest's sockets. */
export async function serveHost(
  fds: { init: number; link: number },
  sockets: Record<LinkService | 'securityModule', string>,
): Promise<void> {
  const init = new Socket({ fd: fds.init, readable: true, writable: true })
  await serveLink(streamOf(fds.link), {
    start(options) {
      // One line, whatever the host wrote: init parses it.
      init.write(`${options.replaceAll('\n', ' ')}\n`)
      return init
    },
    async connect(service) {
      const socket = connect(sockets[service])
      await once(socket, 'connect')
      return socket
    },
    securityModule: tunnel => void serveModule(sockets.securityModule, moduleAt(tunnel)),
  })
}
