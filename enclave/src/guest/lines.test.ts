import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { passLines } from './lines.ts'
import { MAX_LINE } from './paths.ts'

async function passed(write: (from: PassThrough) => void): Promise<string[]> {
  const [from, to] = [new PassThrough(), new PassThrough()]
  passLines(from, to)
  const read = text(to)
  write(from)
  from.end()
  await once(from, 'end')
  to.end()
  return (await read).split('\n').slice(0, -1)
}

test('lines are passed on, whole or cut', async () => {
  const long = 'x'.repeat(3 * MAX_LINE)
  const lines = await passed(from => {
    for (const part of ['on', `e\ntwo\n${long}`, `${long}\n`, 'no end']) from.write(part)
  })
  expect(lines).toEqual(['one', 'two', 'x'.repeat(MAX_LINE)])
})

test('a line without an end is not kept', async () => {
  const from = new PassThrough()
  passLines(from, new PassThrough())
  const before = process.memoryUsage().heapUsed
  for (let i = 0; i < 2000; i++) if (!from.write('x'.repeat(65_536))) await once(from, 'drain')
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(64 * 2 ** 20)
})

test('what a host does not read is dropped, and it is not waited for', async () => {
  const [from, to] = [new PassThrough(), new PassThrough()]
  passLines(from, to)
  for (let i = 0; i < 5000; i++) if (!from.write(`${'x'.repeat(999)}\n`)) await once(from, 'drain')
  expect(to.writableLength + to.readableLength).toBeLessThan(200_000)
  to.destroy()
  from.write('nobody\n')
})
