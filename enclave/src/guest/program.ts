import { type ChildProcess, spawn } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { passLines } from './lines.ts'
import { MAX_START } from './paths.ts'

/**
 * What the host wants the program to be started with, one line of JSON out of the bridge, and where the guest's sockets
 * are. A machine with a module of its own starts for its evidence alone: else the program would not be the first to name
 * an identity to it. The program checks the rest. @throws Error
 */
export async function programOptions(
  control: Duplex,
  { channel, securityModule }: { channel: string; securityModule: string },
  { hasModule = false }: { hasModule?: boolean } = {},
): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of control.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    length += chunk.length
    // And the end of the line.
    if (length > MAX_START + 1) throw new Error(`start options of more than ${MAX_START} bytes`)
    if (chunk.at(-1) === 0x0a) break
  }
  const options = JSON.parse(Buffer.concat(chunks).toString('utf8'))
  if (hasModule && options.evidence !== 'nitro') throw new Error('this machine’s evidence is nitro')
  const asksModule = options.evidence === 'simulated' || options.evidence === 'nitro'
  const sockets = { channel, ...(asksModule && { securityModule }) }
  return JSON.stringify({ ...options, sockets })
}

/** Its standard input stays open as long as init lives; what it says goes to the host. */
export function startProgram(
  control: Duplex,
  { node, program, config }: { node: string; program: string; config: string },
  user: { uid?: number; gid?: number } = {},
): ChildProcess {
  const child = spawn(node, [program, config], {
    ...{ ...user, cwd: '/', env: {} },
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  passLines(child.stderr!, control)
  child.on('exit', (code, signal) => control.end(`enclave: ended (${signal ?? code})\n`))
  return child
}
