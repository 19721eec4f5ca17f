import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Libc } from './libc.ts'

const PORT_NAME = 'nacre.link'
const PORTS = '/sys/class/virtio-ports'
const DEVICES = '/sys/bus/virtio/devices'
/** Virtio specification, 5: device types. */
const VSOCK_DEVICE = 19
const LINK_PORT = 5000
const ANY_CID = 0xffffffff
/** Where a Nitro enclave's parent is unless the command line says `nacre.parent_cid=`, and its sign of life (AWS). */
const NITRO_PARENT = 3
const HEARTBEAT_PORT = 9000
const HEARTBEAT = 0xb7
const WAIT_MS = 10_000
const STEP_MS = 20

/**
 * The one byte stream to the host, as a descriptor: the virtio-serial port `nacre.link`, or on a machine with vsock
 * the one connection that the host makes to port 5000. Which there is, the host decides: it is the one that reads it.
 * @throws Error when there is none in time
 */
export async function openLink(libc: Libc): Promise<number> {
  if (hasVsock()) return await acceptVsock(libc)
  for (let waited = 0; waited < WAIT_MS; waited += STEP_MS) {
    const port = findPort()
    if (port !== undefined) return openSync(`/dev/${port}`, 'r+')
    await sleep(STEP_MS)
  }
  throw new Error(`no link to the host: neither vsock nor a virtio-serial port ${PORT_NAME}`)
}

function hasVsock(): boolean {
  if (!existsSync('/dev/vsock') || !existsSync(DEVICES)) return false
  return readdirSync(DEVICES).some(
    name => Number(readFileSync(`${DEVICES}/${name}/device`, 'utf8')) === VSOCK_DEVICE,
  )
}

function findPort(): string | undefined {
  if (!existsSync(PORTS)) return undefined
  return readdirSync(PORTS).find(port => readFileSync(`${PORTS}/${port}/name`, 'utf8').trim() === PORT_NAME)
}

async function acceptVsock(libc: Libc): Promise<number> {
  const listener = libc.socket()
  libc.bind(listener, ANY_CID, LINK_PORT)
  libc.listen(listener)
  signalLife(libc)
  return await libc.accept(listener)
}

/** nitro-cli takes an enclave for started once it has sent this byte and got it back. Without a parent that listens, nothing is lost. */
function signalLife(libc: Libc): void {
  const parent = /(?:^| )nacre\.parent_cid=(\d+)/.exec(readFileSync('/proc/cmdline', 'utf8'))?.[1]
  const socket = libc.socket()
  try {
    libc.connect(socket, Number(parent ?? NITRO_PARENT), HEARTBEAT_PORT)
    libc.exchange(socket, HEARTBEAT)
  } catch (error) {
    console.error(`init: no sign of life: ${error}`)
  } finally {
    closeSync(socket)
  }
}
