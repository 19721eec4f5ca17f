import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type DebianPackage, fetchPackage, unpackPackage, unxz } from './debian.ts'

let dir: string
let cacheDir: string
let deb: Uint8Array
let wanted: DebianPackage
const servers: Server[] = []

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'nacre-'))
  cacheDir = join(dir, 'cache')
  deb = makeDeb({ 'usr/lib/one.so': 'one', 'boot/two': 'two' })
  wanted = {
    ...{ name: 'example', version: '1-1', path: 'pool/main/e/example_1-1_amd64.deb', size: deb.length },
    sha256: createHash('sha256').update(deb).digest('hex'),
  }
})
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
  rmSync(dir, { recursive: true, force: true })
})

/** A package as Debian makes them (deb(5)). */
function makeDeb(files: Record<string, string>, archive = 'data.tar.xz'): Uint8Array {
  const work = mkdtempSync(join(dir, 'deb-'))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(work, 'root', dirname(path)), { recursive: true })
    writeFileSync(join(work, 'root', path), text)
  }
  execFileSync('tar', ['-cJf', join(work, archive), '-C', join(work, 'root'), '.'])
  writeFileSync(join(work, 'debian-binary'), '2.0\n')
  // Of odd length: what follows is filled up to two bytes.
  writeFileSync(join(work, 'control.tar.xz'), 'odd')
  const members = ['debian-binary', 'control.tar.xz', archive]
  return arOf(members.map(name => [name, readFileSync(join(work, name))]))
}

function arOf(members: [string, Uint8Array][]): Uint8Array {
  const parts = members.flatMap(([name, content]) => {
    const head = `${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'100644'.padEnd(8)}`
    const size = `${content.length}`.padEnd(10)
    return [Buffer.from(`${head}${size}\`\n`), content, Buffer.alloc(content.length % 2, '\n')]
  })
  return Buffer.concat([Buffer.from('!<arch>\n'), ...parts])
}

async function mirror(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/debian`
}

const good: RequestListener = (request, response) =>
  request.url === `/debian/${wanted.path}` ? response.end(deb) : response.writeHead(404).end()

const bad: [string, RequestListener, RegExp][] = [
  ['has it no more', (_, response) => response.writeHead(404).end(), /status 404/],
  ['fails', (_, response) => response.writeHead(500).end('sorry'), /status 500/],
  ['gives other bytes', (_, response) => response.end(Buffer.alloc(deb.length)), /other bytes/],
  ['gives one byte less', (_, response) => response.end(deb.subarray(1)), /other bytes/],
  ['gives one byte more', (_, response) => response.end(Buffer.concat([deb, Buffer.of(0)])), /more than/],
  [
    'gives bytes without an end',
    (_, response) => {
      const pump = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      }
      response.on('drain', pump)
      pump()
    },
    /more than/,
  ],
  [
    'breaks off',
    (_, response) => {
      response.writeHead(200, { 'content-length': deb.length }).write(deb.subarray(0, 10))
      setTimeout(() => response.destroy(), 10)
    },
    /./,
  ],
  ['closes the connection', request => request.socket.destroy(), /./],
  ['says nothing', () => {}, /timeout|aborted/i],
  [
    'is slow without an end',
    (_, response) => {
      const timer = setInterval(() => response.write('x'), 5)
      response.on('close', () => clearInterval(timer))
    },
    /timeout|aborted/i,
  ],
]

describe.each(bad)('a mirror that %s', (_, listener, message) => {
  test('is passed over for the next', async () => {
    const mirrors = [await mirror(listener), await mirror(good)]
    const bytes = await fetchPackage(wanted, { cacheDir, mirrors, deadlineMs: 300 })
    expect(Buffer.from(bytes).equals(deb)).toBe(true)
    expect(readdirSync(cacheDir)).toEqual(['example_1-1_amd64.deb'])
  })

  test('is an error that says what helps, and leaves nothing', async () => {
    const mirrors = [await mirror(listener)]
    const failed = fetchPackage(wanted, { cacheDir, mirrors, deadlineMs: 300 })
    await expect(failed).rejects.toThrow(message)
    await expect(failed).rejects.toThrow(
      `Put example_1-1_amd64.deb (SHA-256 ${wanted.sha256}) into ${cacheDir}, or name a mirror`,
    )
    expect(existsSync(cacheDir)).toBe(false)
  })
})

test('a package that is there is not asked for, and one that was damaged is', async () => {
  const asked: string[] = []
  const counted: RequestListener = (request, response) => {
    asked.push(`${request.url}`)
    good(request, response)
  }
  const mirrors = [await mirror(counted)]
  await fetchPackage(wanted, { cacheDir, mirrors })
  await fetchPackage(wanted, { cacheDir, mirrors })
  expect(asked).toHaveLength(1)
  const file = join(cacheDir, 'example_1-1_amd64.deb')
  writeFileSync(file, 'damaged')
  expect(Buffer.from(await fetchPackage(wanted, { cacheDir, mirrors })).equals(deb)).toBe(true)
  expect(readFileSync(file).equals(deb)).toBe(true)
  expect(asked).toHaveLength(2)
})

test('the mirror of the environment is asked first', async () => {
  process.env.NACRE_DEBIAN_MIRROR = await mirror(good)
  try {
    expect(await fetchPackage(wanted, { cacheDir })).toHaveLength(deb.length)
  } finally {
    delete process.env.NACRE_DEBIAN_MIRROR
  }
})

test('files of a package, by their paths', async () => {
  const found = await unpackPackage(deb, ['usr/lib/one.so', 'boot/two'])
  expect([...found].map(([path, content]) => [path, Buffer.from(content).toString()])).toEqual([
    ['usr/lib/one.so', 'one'],
    ['boot/two', 'two'],
  ])
})

const noPackage: [string, () => Uint8Array, RegExp][] = [
  ['nothing', () => Buffer.alloc(0), /not a package/],
  ['no archive', () => Buffer.from('!<arch>'), /not a package/],
  ['an archive without files', () => arOf([['debian-binary', Buffer.from('2.0\n')]]), /without data.tar.xz/],
  ['files packed in another way', () => makeDeb({ a: 'a' }, 'data.tar.zst'), /without data.tar.xz/],
  ['files that are cut short', () => deb.subarray(0, -40), /cannot be unpacked/],
  ['files that are no archive', () => arOf([['data.tar.xz', Buffer.from('text')]]), /cannot be unpacked/],
  ['none of the files', () => makeDeb({ other: 'x' }), /cannot be unpacked/],
  [
    'a size that is none',
    () => Buffer.from(`!<arch>\n${'debian-binary'.padEnd(48)}${'many'.padEnd(12)}`),
    /not a/,
  ],
  ['a size that leads back', () => Buffer.from(`!<arch>\n${'x'.padEnd(48)}${'-60'.padEnd(12)}`), /not a/],
]
test.each(noPackage)('%s is no package', async (_, bytes, message) => {
  await expect(unpackPackage(bytes(), ['boot/two'])).rejects.toThrow(message)
})

test('an xz file, and what is none', async () => {
  const file = join(dir, 'text')
  writeFileSync(file, 'text')
  execFileSync('xz', [file])
  const packed = readFileSync(`${file}.xz`)
  expect(Buffer.from(await unxz(packed)).toString()).toBe('text')
  await expect(unxz(packed.subarray(0, -1))).rejects.toThrow('cannot be unpacked')
  await expect(unxz(Buffer.from('text'))).rejects.toThrow('cannot be unpacked')
})
