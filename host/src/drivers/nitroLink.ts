import { type ChildProcess, spawn } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Console, printable, readLines } from './console.ts'
import type { Exit } from './driver.ts'
import { DriverError } from './errors.ts'

export const SOCAT = 'socat'
/** Where the guest's init listens (enclave/src/guest/link.ts). */
const LINK_PORT = 5000
const RETRY_MS = 200
/** What socat says, told to say more, when it is connected. */
const CONNECTED = /starting data transfer loop/

/** One connection to a guest, made by a process: Node knows no vsock. */
export type VsockLink = { link: Duplex; pid: number; exited: Promise<Exit>; stop(): Promise<void> }

/** Tries until the guest listens. @throws DriverError launch-failed, launch-timeout */
export async function connectVsock(
  cid: number,
  { left, console }: { left(): number; console: Console },
): Promise<VsockLink> {
  for (;;) {
    const attempt = startSocat(cid, console)
    const timer = setTimeout(() => void attempt.stop(), left())
    const connected = await attempt.connected.finally(() => clearTimeout(timer))
    if (connected) return attempt
    if (left() <= RETRY_MS)
      throw new DriverError('launch-timeout', `no connection to CID ${cid}: ${console.quote()}`)
    await sleep(RETRY_MS)
  }
}

type Attempt = VsockLink & { connected: Promise<boolean> }

/** Its end of the link is a socket pair: it closes with this process, however that ends, and the guest switches off. */
function startSocat(cid: number, console: Console): Attempt {
  const args = ['-d', '-d', 'FD:3', `VSOCK-CONNECT:${cid}:${LINK_PORT}`]
  const child = spawn(SOCAT, args, {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH },
  })
  const link = child.stdio[3] as Duplex
  link.on('error', () => link.destroy())
  const connected = Promise.withResolvers<boolean>()
  const exited = exitOf(child)
  readLines(child.stderr!, line => {
    if (CONNECTED.test(line)) connected.resolve(true)
    // Its notices are how it connects; what went wrong is the operator's to know.
    else if (/ [EFW] /.test(line)) console.write(`socat: ${printable(line)}`)
  })
  child.once('error', cause => {
    connected.reject(new DriverError('launch-failed', `${SOCAT} does not start: ${cause.message}`, cause))
  })
  void exited.then(() => connected.resolve(false))
  const stop = async () => {
    link.destroy()
    if (child.pid === undefined) return
    child.kill('SIGKILL')
    await exited
  }
  return { link, pid: child.pid ?? -1, exited, stop, connected: connected.promise }
}

function exitOf(child: ChildProcess): Promise<Exit> {
  const { promise, resolve } = Promise.withResolvers<Exit>()
  child.once('close', (code, signal) => resolve({ code, signal }))
  return promise
}
