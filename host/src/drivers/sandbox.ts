import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'

/** What a process inside sees: the image at /image, its configuration, and one writable folder with two sockets. */
export type Mounts = {
  imageDir: string
  /** Folder on the host that becomes /run/nacre. */
  socketDir: string
  /** File on the host that becomes /config.json; without it there is none. */
  configFile?: string
  /** Other files of the host that it may open and write to, by their paths inside. */
  shared?: Record<string, string>
}

export const INSIDE = { image: '/image', sockets: '/run/nacre', config: '/config.json' } as const

/** Libraries that Node and the engine load from the system. They are not measured: docs/security/boundaries.md. */
const LIBRARIES = [
  'libc.so.6',
  'libdl.so.2',
  'libgcc_s.so.1',
  'libm.so.6',
  'libpthread.so.0',
  'librt.so.1',
  'libstdc++.so.6',
]
const LOADERS = ['/lib64/ld-linux-x86-64.so.2', '/lib/ld-linux-aarch64.so.1']
const LIBRARY_DIRS = [
  '/lib/x86_64-linux-gnu',
  '/lib/aarch64-linux-gnu',
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/lib64',
  '/usr/lib64',
]

/** Bubblewrap's arguments before the command: no network, no host files but the named ones, no privileges. */
export function sandboxArguments({ imageDir, socketDir, configFile, shared = {} }: Mounts): string[] {
  return [
    ['--unshare-user', '--unshare-all', '--die-with-parent', '--new-session', '--as-pid-1'],
    ['--clearenv', '--cap-drop', 'ALL', '--uid', '65534', '--gid', '65534', '--hostname', 'enclave'],
    ['--proc', '/proc', '--dev', '/dev', '--tmpfs', '/tmp'],
    systemLibraries().flatMap(path => ['--ro-bind', path, path]),
    ['--ro-bind', imageDir, INSIDE.image],
    configFile === undefined ? [] : ['--ro-bind', configFile, INSIDE.config],
    Object.entries(shared).flatMap(([inside, file]) => ['--bind', file, inside]),
    ['--bind', socketDir, INSIDE.sockets, '--chdir', '/'],
  ].flat()
}

/** Runs a program inside a sandbox of these mounts: whether that works, and if not, why. */
export async function probeSandbox(
  mounts: Mounts,
  command: string[] = [`${INSIDE.image}/bin/node`, '--version'],
): Promise<{ ok: boolean; detail: string }> {
  try {
    await promisify(execFile)('bwrap', [...sandboxArguments(mounts), ...command], {
      timeout: 10_000,
      killSignal: 'SIGKILL',
    })
    return { ok: true, detail: 'bubblewrap runs a program without network' }
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string }
    const reason =
      code === 'ENOENT' ? 'it is not installed' : (stderr?.trim().split('\n')[0] ?? String(error))
    return { ok: false, detail: `bubblewrap does not work here: ${reason.slice(0, 200)}` }
  }
}

function systemLibraries(): string[] {
  const libraries = LIBRARIES.flatMap(name => {
    const found = LIBRARY_DIRS.map(dir => `${dir}/${name}`).find(path => existsSync(path))
    return found === undefined ? [] : [found]
  })
  return [...LOADERS.filter(path => existsSync(path)), ...libraries]
}
