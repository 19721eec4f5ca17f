import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { BRIDGE_FDS } from '../../enclave/src/guest/paths.ts'
import { programOptions, startProgram } from '../../enclave/src/guest/program.ts'

/**
 * A guest without a machine: the bridge and the program as processes of this one, which does what init does without
 * privileges. Its descriptor 3 is the link. `node guestProcess.ts FOLDER IMAGE`
 */
const LINK = 3
const [folder, image] = process.argv.slice(2) as [string, string]
const sockets = { channel: join(folder, 'enclave.sock'), securityModule: join(folder, 'nsm.sock') }

const serveHost = join(import.meta.dirname, '../../enclave/src/guest/serveHost.ts')
const source = `const { serveHost } = await import(${JSON.stringify(serveHost)})
await serveHost(${JSON.stringify(BRIDGE_FDS)}, ${JSON.stringify(sockets)}).catch(error => console.error('bridge: ' + error))
process.kill(process.pid, 'SIGKILL')`
const bridge = spawn(process.execPath, ['--input-type=module', '--eval', source], {
  stdio: ['ignore', 'inherit', 'inherit', 'pipe', LINK],
})
console.error(`pid ${bridge.pid}`)

try {
  const control = bridge.stdio[BRIDGE_FDS.init] as Duplex
  control.on('error', () => {})
  const ended = once(bridge, 'exit').then(() => process.exit(0))
  const paths = { node: join(image, 'bin/node'), program: join(image, 'app/enclave.mjs') }
  const config = join(folder, 'config.json')
  writeFileSync(config, await programOptions(control, sockets), { flag: 'wx' })
  const program = startProgram(control, { ...paths, config })
  console.error(`pid ${program.pid}`)
  await Promise.race([ended, once(program, 'exit')])
} catch (error) {
  console.error(`init: ${error}`)
}
bridge.kill('SIGKILL')
process.exit(0)
