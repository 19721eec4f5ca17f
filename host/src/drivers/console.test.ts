import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { createConsole, MAX_LINE, readLines } from './console.ts'

async function linesOf(...chunks: (string | Uint8Array)[]): Promise<string[]> {
  const [stream, lines] = [new PassThrough(), [] as string[]]
  readLines(stream, line => lines.push(line))
  for (const chunk of chunks) stream.write(chunk)
  stream.end()
  await once(stream, 'end')
  return lines
}

const NEVER = new Promise<string>(() => {})

test('lines come whole, however they arrive, the last without its end too', async () => {
  expect(await linesOf('on', 'e\ntw', 'o\n\nthree')).toEqual(['one', 'two', '', 'three'])
  const bytes = Buffer.from('größer\n')
  expect(await linesOf(bytes.subarray(0, 3), bytes.subarray(3))).toEqual(['größer'])
})

test('a line is cut, and one without an end is not kept', async () => {
  const [line] = await linesOf(...Array.from({ length: 100 }, () => 'x'.repeat(10_000)))
  expect(line).toHaveLength(MAX_LINE)
})

test('what would take over a terminal, or hide, is taken out', async () => {
  const lines = await linesOf(
    'red \u001b[31malert\u001b[0m\r\n',
    'title \u001b]0;owned\u0007!\n',
    'back\b\b\b\u009b2Jspace\u007f\n',
    'right \u202eto left\u2066\u200b\ufeff\n',
    Buffer.of(0xff, 0xfe, 0x0a),
  )
  expect(lines).toEqual(['red alert', 'title !', 'backspace', 'right to left', '\ufffd\ufffd'])
})

test('no more than ten thousand lines of one stream', async () => {
  const lines = await linesOf('x\n'.repeat(20_000))
  expect(lines).toHaveLength(10_001)
  expect(lines.at(-1)).toBe('enclave: further lines are dropped')
})

test('the last hundred are kept, and the last five quoted, cut', () => {
  const logged: string[] = []
  const lines = createConsole(line => logged.push(line))
  expect(lines.quote()).toBe('it said nothing')
  for (let i = 0; i < 150; i++) lines.write(`line ${i}`)
  expect(lines.lines()).toHaveLength(100)
  expect(lines.quote()).toBe([145, 146, 147, 148, 149].map(i => `line ${i}`).join(' | '))
  lines.write('y'.repeat(5000))
  expect(lines.quote().length).toBeLessThanOrEqual(MAX_LINE)
  expect(logged).toHaveLength(151)
})

test('it is ready when the program says so, and not when something says it elsewhere', async () => {
  const lines = createConsole(() => {})
  lines.write('console: enclave: ready')
  lines.write('enclave: ready ')
  await expect(lines.ready(NEVER, 30)).rejects.toMatchObject({ code: 'launch-timeout' })
  lines.write('enclave: ready')
  await lines.ready(NEVER, 30)
})

test('one that ends first has failed, with what it said', async () => {
  const lines = createConsole(() => {})
  lines.write('enclave: no memory')
  await expect(lines.ready(Promise.resolve('SIGKILL'), 1000)).rejects.toMatchObject({
    code: 'launch-failed',
    message: 'the enclave ended (SIGKILL): enclave: no memory',
  })
})
