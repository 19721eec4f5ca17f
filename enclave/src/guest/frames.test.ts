import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { frameOf, framesOf } from './frames.ts'

async function read(chunks: Uint8Array[], max = 10): Promise<string[]> {
  const found: string[] = []
  for await (const frame of framesOf(Readable.from(chunks), max)) found.push(frame.toString())
  return found
}

const two = Buffer.concat([
  frameOf(Buffer.from('one')),
  frameOf(Buffer.alloc(0)),
  frameOf(Buffer.from('two')),
])

test('frames come as they were sent, however they arrive', async () => {
  expect(await read([two])).toEqual(['one', '', 'two'])
  expect(await read([...two].map(byte => Buffer.of(byte)))).toEqual(['one', '', 'two'])
})

test('half a frame is none', async () => {
  expect(await read([two.subarray(0, -1)])).toEqual(['one', ''])
  expect(await read([Buffer.of(0, 0, 0)])).toEqual([])
})

test('a frame over the bound is refused before it has come', async () => {
  await expect(read([Buffer.of(0, 0, 0, 11)])).rejects.toThrow('a frame of 11 bytes, at most 10')
  await expect(read([Buffer.alloc(4, 0xff)])).rejects.toThrow('4294967295')
})
