/**
 * The process of a guest that the host speaks to. It passes on and understands nothing of what it passes on; it is a
 * user of its own, without the keys. It ends with the link, and the machine with it.
 */
import { once } from 'node:events'
import { connect, Socket } from 'node:net'
import { streamOf } from './fdStream.ts'
import { serveLink } from './linkServer.ts'
import { moduleAt, serveModule } from './moduleServer.ts'
import { BRIDGE_FDS, GUEST } from './paths.ts'

const init = new Socket({ fd: BRIDGE_FDS.init, readable: true, writable: true })

await serveLink(streamOf(BRIDGE_FDS.link), {
  start(options) {
    // One line, whatever the host wrote: init parses it.
    init.write(`${options.replaceAll('\n', ' ')}\n`)
    return init
  },
  async channel() {
    const socket = connect(GUEST.channel)
    await once(socket, 'connect')
    return socket
  },
  securityModule: tunnel => void serveModule(GUEST.securityModule, moduleAt(tunnel)),
}).catch(error => console.error(`bridge: ${error}`))
// A read of the link may be waiting in a thread, and an ordinary exit would wait for it.
process.kill(process.pid, 'SIGKILL')
