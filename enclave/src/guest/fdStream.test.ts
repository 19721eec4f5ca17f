import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, closeSync, fstatSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { streamOf } from './fdStream.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'nacre-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

/** A process whose descriptor 3 is one end of a socket pair, as the bridge's link is: it sends back what comes. */
function echo(): { child: ReturnType<typeof spawn>; link: Duplex } {
  const source = `const { streamOf } = await import(${JSON.stringify(join(import.meta.dirname, 'fdStream.ts'))})
    const stream = streamOf(3)
    stream.on('data', chunk => { if (!stream.write(chunk)) { stream.pause(); stream.once('drain', () => stream.resume()) } })
    stream.on('end', () => process.exit(0))`
  const args = ['--input-type=module', '--eval', source]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] })
  return { child, link: child.stdio[3] as Duplex }
}

test('passes many bytes both ways over a socket pair, and ends with it', async () => {
  const { child, link } = echo()
  const sent = Buffer.alloc(3_000_000, 'abcdefg')
  const received: Buffer[] = []
  link.on('data', chunk => received.push(chunk))
  link.write(sent)
  while (Buffer.concat(received).length < sent.length) await once(link, 'data')
  expect(Buffer.concat(received).equals(sent)).toBe(true)
  link.end()
  expect(await once(child, 'exit')).toEqual([0, null])
})

test('a port whose other end is not open yet is read again until it speaks, then its end is one', async () => {
  // A file behaves so: its end is nothing to read, and it may grow.
  const file = join(dir, 'port')
  writeFileSync(file, '')
  const all = text(streamOf(openSync(file, 'r+')))
  await sleep(60)
  appendFileSync(file, 'hello')
  expect(await all).toBe('hello')
})

test('a port on which nobody speaks ends', async () => {
  const file = join(dir, 'port')
  writeFileSync(file, '')
  expect(await text(streamOf(openSync(file, 'r+'), 50))).toBe('')
})

test('a host that reads nothing is gone', async () => {
  const source = `const { streamOf } = await import(${JSON.stringify(join(import.meta.dirname, 'fdStream.ts'))})
    const stream = streamOf(3, 200)
    stream.on('error', error => console.log(error.message))
    stream.on('close', () => process.kill(process.pid, 'SIGKILL'))
    stream.write(Buffer.alloc(10_000_000))`
  const args = ['--input-type=module', '--eval', source]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit', 'pipe'] })
  const said = text(child.stdout!)
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL'])
  expect(await said).toBe('the host reads nothing\n')
})

test('reads a named pipe to the end of its writer', async () => {
  execFileSync('mkfifo', [join(dir, 'pipe')])
  const writer = spawn('sh', ['-c', `printf 0123456789 > '${join(dir, 'pipe')}'`])
  const written = once(writer, 'exit')
  const stream = streamOf(openSync(join(dir, 'pipe'), 'r'))
  stream.end()
  expect((await buffer(stream)).toString()).toBe('0123456789')
  await written
})

test('a descriptor that cannot be written to is an error, and is closed', async () => {
  const file = join(dir, 'file')
  writeFileSync(file, 'x')
  const fd = openSync(file, 'r')
  const stream = streamOf(fd)
  stream.write('y')
  await expect(once(stream, 'close')).rejects.toMatchObject({ code: 'EBADF' })
  await sleep(20)
  expect(() => fstatSync(fd)).toThrow('EBADF')
})

test('one that was destroyed while nobody had spoken reads nothing more', async () => {
  const file = join(dir, 'port')
  writeFileSync(file, '')
  const fd = openSync(file, 'r+')
  const stream = streamOf(fd)
  stream.resume()
  await sleep(15)
  stream.destroy()
  await once(stream, 'close')
  // Its number goes to the next file, whose content is not its own.
  writeFileSync(join(dir, 'other'), 'other')
  const other = openSync(join(dir, 'other'), 'r')
  await sleep(40)
  expect(other).toBe(fd)
  expect(stream.readableLength).toBe(0)
  closeSync(other)
})
