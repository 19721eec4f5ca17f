/**
 * The process of a guest that the host speaks to. It passes on and understands nothing of what it passes on; it is a
 * user of its own, without the keys. It ends with the link, and the machine with it.
 */
import { BRIDGE_FDS, GUEST } from './paths.ts'
import { serveHost } from './serveHost.ts'

await serveHost(BRIDGE_FDS, GUEST).catch(error => console.error(`bridge: ${error}`))
// A read of the link may be waiting in a thread, and an ordinary exit would wait for it.
process.kill(process.pid, 'SIGKILL')
