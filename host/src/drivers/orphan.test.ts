import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { buildImage } from '../../../enclave/scripts/build.ts'

/** A launcher of its own process, so that it can be killed without a chance to clean up. */
function launcher(imageDir: string, sandbox: 'auto' | 'none'): string {
  return `
    import { loadImage } from ${JSON.stringify(new URL('./image.ts', import.meta.url).href)}
    import { simulatedDriver } from ${JSON.stringify(new URL('./simulated.ts', import.meta.url).href)}
    import { createRoot } from ${JSON.stringify(new URL('../nsm/root.ts', import.meta.url).href)}
    const zero = size => '0x' + '00'.repeat(size)
    const config = { version: 1, chainId: 1n, registry: zero(20), operator: zero(20), releaseId: zero(32), maxInput: 1, maxOutput: 1 }
    const image = await loadImage(${JSON.stringify(imageDir)})
    const enclave = await simulatedDriver.launch(image, { config, root: createRoot(), sandbox: '${sandbox}' })
    console.log(enclave.socketPath)`
}

/** How the socket refuses once the process behind it is gone. */
async function finalRefusal(socketPath: string): Promise<string | undefined> {
  let code: string | undefined
  const socket = connect(socketPath)
  socket.resume().on('error', (error: NodeJS.ErrnoException) => {
    code = error.code
  })
  await new Promise(resolve => socket.once('close', resolve))
  return code === undefined || code === 'ECONNRESET' ? finalRefusal(socketPath) : code
}

test.each(['auto', 'none'] as const)(
  'no enclave outlives a launcher that was killed (sandbox: %s)',
  async sandbox => {
    const { dir } = await buildImage()
    const args = ['--input-type=module-typescript', '-e', launcher(dir, sandbox)]
    const parent = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const [socketPath] = (await once(createInterface(parent.stdout), 'line')) as [string]
    try {
      const held = connect(socketPath)
      await once(held, 'connect')
      // Not events.once: it rejects when the connection is reset, and that is a way to end it too.
      const closed = new Promise(resolve => held.once('close', resolve))
      held.resume().on('error', () => {})
      parent.kill('SIGKILL')
      await closed
      // A clean end removes the socket, a kill leaves it behind; in between a connection is reset or ended.
      expect(['ENOENT', 'ECONNREFUSED']).toContain(await finalRefusal(socketPath))
    } finally {
      parent.kill('SIGKILL')
      await rm(dirname(dirname(socketPath)), { recursive: true, force: true })
    }
  },
)
