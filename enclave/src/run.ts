import { once } from 'node:events'
import type { Server } from 'node:http'

/** Runs a program that ends when it is told to. */
export function runMain(main: (configFile: string) => Promise<void>): void {
  const [, , configFile] = process.argv
  const run = configFile ? main(configFile) : Promise.reject(new Error('usage: enclave.mjs CONFIG'))
  run.then(() => process.exit(0), fail)
}

/** Answers on the channel until it is told to stop. */
export async function serveChannel(channel: Server, socket: string): Promise<void> {
  channel.listen(socket)
  await once(channel, 'listening')
  report('ready')
  await stopAsked()
  channel.close()
  channel.closeAllConnections()
}

/** SIGTERM, or the end of stdin: whoever launched the enclave holds the other end and may be gone. */
function stopAsked(): Promise<unknown> {
  process.stdin.resume()
  return Promise.race([
    once(process, 'SIGTERM'),
    once(process, 'SIGINT'),
    once(process.stdin, 'end').finally(() => process.stdin.destroy()),
  ])
}

/** One line on stderr; never an input, an output or a key. */
export function report(event: unknown): void {
  const text =
    event instanceof Error ? `${event.message}${event.cause ? ` (${event.cause})` : ''}` : String(event)
  process.stderr.write(`enclave: ${text.replace(/\s+/g, ' ').slice(0, 500)}\n`)
}

function fail(error: unknown): void {
  report(error)
  process.exit(1)
}
