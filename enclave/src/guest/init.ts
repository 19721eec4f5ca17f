/**
 * The first process of a guest, and the only one with privileges: it mounts what the kernel offers, looks whether there
 * is randomness, opens the link to the host, and starts two programs of two users: the bridge, which speaks with the
 * host, and the enclave, which has the keys. When one of them ends, or anything here fails, the machine is switched off.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import { checkRandomness } from './entropy.ts'
import { lockKernel } from './kernel.ts'
import { type Libc, openLibc } from './libc.ts'
import { openLink } from './link.ts'
import { serveModule } from './moduleServer.ts'
import { loadModules } from './modules.ts'
import { NSM_DEVICE, nsmDevice } from './nsmDevice.ts'
import { forOneIdentity } from './oneIdentity.ts'
import { BRIDGE_FDS, GUEST, USERS } from './paths.ts'
import { programOptions, startProgram } from './program.ts'
import { openReports } from './reports.ts'

const libc = openLibc(GUEST.koffi)

try {
  await run()
} catch (error) {
  console.error(`init: ${error instanceof Error ? error.message : error}`)
}
libc.endMachine()

async function run(): Promise<void> {
  // What one user makes and the other opens: their group may.
  process.setegid?.(USERS.group)
  process.umask(0o007)
  mountAll(libc)
  loadModules(libc)
  openReports(libc)
  checkRandomness()
  lockKernel()
  const hasModule = existsSync(NSM_DEVICE)
  if (hasModule) serveDevice(libc)
  const bridge = startBridge(await openLink(libc))
  const control = bridge.stdio[BRIDGE_FDS.init] as Duplex
  // When the bridge is gone so is the machine: its exit tells.
  control.on('error', () => {})
  // A new file: whatever has this name already is nobody's to have put there.
  const options = await programOptions(control, GUEST, { hasModule })
  writeFileSync(GUEST.config, options, { mode: 0o440, flag: 'wx' })
  const program = startProgram(control, GUEST, { uid: USERS.program, gid: USERS.group })
  await Promise.race([once(bridge, 'exit'), once(program, 'exit')])
}

function mountAll(libc: Libc): void {
  const mount = (...[source, target, ...rest]: Parameters<Libc['mount']>) => {
    mkdirSync(target, { recursive: true })
    libc.mount(source, target, ...rest)
  }
  mount('proc', '/proc', 'proc', 'hidepid=invisible')
  mount('sysfs', '/sys', 'sysfs')
  mount('devtmpfs', '/dev', 'devtmpfs')
  mount('tmpfs', '/tmp', 'tmpfs', 'mode=1777')
  mount('tmpfs', '/run', 'tmpfs', 'mode=755')
  mkdirSync(GUEST.run)
  // Nobody removes what another user made.
  chmodSync(GUEST.run, 0o1770)
}

/** For the program alone: whoever may ask the module has evidence made for keys of its own. */
function serveDevice(libc: Libc): void {
  serveModule(GUEST.securityModule, forOneIdentity(nsmDevice(libc)))
  chownSync(GUEST.securityModule, USERS.program, USERS.program)
  chmodSync(GUEST.securityModule, 0o600)
}

function startBridge(link: number): ChildProcess {
  return spawn(GUEST.node, [GUEST.bridge], {
    ...{ uid: USERS.bridge, gid: USERS.group, cwd: '/', env: {} },
    stdio: ['ignore', 'inherit', 'inherit', 'pipe', link],
  })
}
