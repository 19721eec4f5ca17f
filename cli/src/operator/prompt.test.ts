import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { askHidden, askNewPassword, askYes, type Terminal } from './prompt.ts'

/** A terminal that types, a key at a time or pasted at once. */
function terminal(...keys: string[]): Terminal & { shown: () => string; raw: boolean[] } {
  const input = new PassThrough()
  const output = new PassThrough()
  const raw: boolean[] = []
  for (const key of keys) input.write(key)
  return {
    input: Object.assign(input, { isTTY: true, setRawMode: (on: boolean) => raw.push(on) }),
    output,
    raw,
    shown: () => String(output.read() ?? ''),
  }
}

test('what is typed is returned and never shown; keys correct it', async () => {
  const typed = terminal('secr', 'x', '\x7f', 'ét', '\x1b', '\r')
  expect(await askHidden('Password: ', typed)).toBe('secrét')
  expect(typed.shown()).toBe('Password: \n')
  expect(typed.raw).toEqual([true, false])
  expect(await askHidden('Password: ', terminal('wrong\x15right\n'))).toBe('right')
})

test('nothing is shown from the moment on at which the question is', async () => {
  const typed = terminal('x\r')
  const rawAt: boolean[] = []
  const write = typed.output.write.bind(typed.output)
  typed.output.write = ((text: string) => {
    rawAt.push(typed.raw.at(-1) === true)
    return write(text)
  }) as typeof typed.output.write
  await askHidden('Password: ', typed)
  expect(rawAt[0]).toBe(true)
})

test('Ctrl-C and a closed input end it, and the terminal is as before', async () => {
  const interrupted = terminal('se', '\x03')
  await expect(askHidden('Password: ', interrupted)).rejects.toMatchObject({ code: 'interrupted' })
  expect(interrupted.raw).toEqual([true, false])
  const closed = terminal('se')
  closed.input.push(null)
  await expect(askHidden('Password: ', closed)).rejects.toMatchObject({ code: 'interrupted' })
})

test('Ctrl-C at a question is no answer: the command is interrupted', async () => {
  const asked = terminal('\x03')
  Object.assign(asked.output, { isTTY: true })
  await expect(askYes('Send?', asked)).rejects.toMatchObject({ code: 'interrupted' })
})

test('a signal at a question, such as kill sends it, ends it too', async () => {
  const stop = new AbortController()
  const asked = askYes('Send?', terminal(), stop.signal)
  stop.abort()
  await expect(asked).rejects.toMatchObject({ code: 'interrupted' })
  await expect(askYes('Send?', terminal('y\n'), stop.signal)).rejects.toMatchObject({ code: 'interrupted' })
})

test('without a terminal a password is not read, and nobody is asked', async () => {
  const pipe = { input: new PassThrough(), output: new PassThrough() }
  await expect(askHidden('Password: ', pipe)).rejects.toMatchObject({
    code: 'bad-input',
    fix: expect.stringContaining('--password-file'),
  })
  expect(await askYes('Send?', pipe)).toBeUndefined()
})

test('a new password is typed twice, and is not empty', async () => {
  expect(await askNewPassword(twice('same', 'same'))).toBe('same')
  await expect(askNewPassword(twice('same', 'other'))).rejects.toMatchObject({ code: 'bad-input' })
  await expect(askNewPassword(terminal('\r'))).rejects.toMatchObject({ code: 'bad-input' })
})

test('only yes is yes', async () => {
  for (const [answer, expected] of [
    ['y\n', true],
    ['YES\n', true],
    ['\n', false],
    ['no\n', false],
  ] as const)
    expect(await askYes('Send?', terminal(answer)), answer).toBe(expected)
})

/** The second line is typed when it is asked for. */
function twice(first: string, second: string): Terminal {
  const typed = terminal(`${first}\r`)
  let asked = 0
  const write = typed.output.write.bind(typed.output)
  typed.output.write = ((text: string) => {
    if (text.endsWith(': ') && asked++ === 1) typed.input.push(`${second}\r`)
    return write(text)
  }) as typeof typed.output.write
  return typed
}
