import { execFile, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { buildImage } from '../../../enclave/scripts/build.ts'
import { INSIDE, type Mounts, probeSandbox, sandboxArguments } from './sandbox.ts'

const hasBubblewrap = spawnSync('bwrap', ['--unshare-all', '--ro-bind', '/', '/', 'true']).status === 0

let dir: string
let mounts: Mounts
let listener: Server
let connections = 0

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'nacre-'))
  mounts = {
    imageDir: (await buildImage()).dir,
    socketDir: join(dir, 'run'),
    configFile: join(dir, 'config.json'),
  }
  await mkdir(mounts.socketDir)
  await writeFile(mounts.configFile!, '{}')
  listener = createServer(socket => {
    connections++
    socket.destroy()
  }).listen(0, '127.0.0.1')
  await once(listener, 'listening')
})

afterAll(async () => {
  listener.close()
  await rm(dir, { recursive: true, force: true })
})

/** Tells how a program sees the world: the same program runs outside and inside. */
function probeProgram(): string {
  const { port } = listener.address() as AddressInfo
  return `
    const fs = require('node:fs')
    // Outside, nothing may be written: the tests may run as root.
    const isInside = fs.existsSync('/image/bin/node')
    const can = work => { try { work(); return true } catch { return false } }
    const socket = require('node:net').connect(${port}, '127.0.0.1')
    const tell = connected => {
      console.log(JSON.stringify({
        connected,
        home: can(() => fs.readdirSync(${JSON.stringify(homedir())})),
        passwd: can(() => fs.readFileSync('/etc/passwd')),
        bystander: can(() => fs.readFileSync(${JSON.stringify(join(dir, 'bystander'))})),
        secret: process.env.NACRE_TEST_SECRET ?? null,
        writable: ['/image/x', '/config.json', '/run/nacre/x'].filter(path => isInside && can(() => fs.writeFileSync(path, 'x'))),
        environment: Object.keys(process.env).sort(),
        root: can(() => fs.readdirSync('/')) ? fs.readdirSync('/').sort() : [],
        files: ['/root', '/home', '/etc/shadow', '/sys', '/var', '/dev/mem', '/proc/kcore'].filter(path => can(() => fs.statSync(path).isDirectory() ? fs.readdirSync(path) : fs.closeSync(fs.openSync(path)))),
        changed: ['/image/bin/node', '/image/app/enclave.mjs', '/image/manifest.json'].filter(path => isInside && (can(() => fs.closeSync(fs.openSync(path, 'r+'))) || can(() => fs.unlinkSync(path)) || can(() => fs.chmodSync(path, 0o777)))),
        signalled: [${process.pid}, ${process.ppid}].filter(pid => can(() => process.kill(pid, 0))),
        interfaces: Object.keys(require('node:os').networkInterfaces()),
        capabilities: /^CapEff:\\t(.*)$/m.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1],
        processes: fs.readdirSync('/proc').filter(name => /^\\d+$/.test(name)).length,
        uid: process.getuid(),
      }))
      process.exit(0)
    }
    socket.on('connect', () => tell(true)).on('error', () => tell(false))`
}

async function run(command: string, args: string[]): Promise<Record<string, unknown>> {
  const env = { ...process.env, NACRE_TEST_SECRET: 'visible' }
  const { stdout } = await promisify(execFile)(command, [...args, '-e', probeProgram()], {
    env,
    timeout: 20_000,
  })
  return JSON.parse(stdout)
}

test('outside, the probe reaches the listener, the environment and the files', async () => {
  await writeFile(join(dir, 'bystander'), 'x')
  const seen = await run(join(mounts.imageDir, 'bin/node'), [])
  expect(seen).toMatchObject({
    connected: true,
    home: true,
    passwd: true,
    bystander: true,
    secret: 'visible',
  })
  expect(connections).toBe(1)
})

test('inside, there is no network, no environment, no file of the host', async () => {
  if (!hasBubblewrap) return expect((await probeSandbox(mounts)).ok).toBe(false)
  await writeFile(join(dir, 'bystander'), 'x')
  const before = connections
  const seen = await run('bwrap', [...sandboxArguments(mounts), `${INSIDE.image}/bin/node`])
  expect(seen).toEqual({
    connected: false,
    home: false,
    passwd: false,
    bystander: false,
    secret: null,
    writable: ['/run/nacre/x'],
    environment: ['PWD'],
    root: ['config.json', 'dev', 'image', 'lib', 'lib64', 'proc', 'run', 'tmp'],
    files: [],
    changed: [],
    signalled: [],
    interfaces: ['lo'],
    capabilities: '0000000000000000',
    processes: 1,
    uid: 65_534,
  })
  expect(connections).toBe(before)
})

test('the probe agrees with what bubblewrap can do here', async () => {
  expect((await probeSandbox(mounts)).ok).toBe(hasBubblewrap)
})

test('the probe fails for an image without Node, and says so', async () => {
  const probe = await probeSandbox({ ...mounts, imageDir: mounts.socketDir })
  expect(probe).toEqual({ ok: false, detail: expect.stringContaining('bubblewrap does not work here') })
})
