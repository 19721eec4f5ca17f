import { createInterface } from 'node:readline/promises'
import type { Readable, Writable } from 'node:stream'
import { CliError } from '../errors.ts'

/** Where people are asked: never standard output, which carries results. */
export type Terminal = {
  input: Readable & { isTTY?: boolean | undefined; setRawMode?: ((raw: boolean) => unknown) | undefined }
  output: Writable
}

const [INTERRUPT, END, BACKSPACE, DELETE, CLEAR] = ['\x03', '\x04', '\b', '\x7f', '\x15']

export function terminalOf(): Terminal {
  return { input: process.stdin, output: process.stderr }
}

/**
 * Asks for a secret: what is typed is not shown.
 * @throws CliError bad-input without a terminal, interrupted on Ctrl-C
 */
export async function askHidden(
  question: string,
  { input, output }: Terminal = terminalOf(),
): Promise<string> {
  if (!input.isTTY || !input.setRawMode)
    throw new CliError('bad-input', {
      what: `nobody can be asked: ${question.trim().replace(/:$/, '')}`,
      why: 'standard input is no terminal',
      fix: 'name a file that holds the password: --password-file FILE',
    })
  // Before the question: who answers at once, a script say, would be shown otherwise.
  input.setRawMode(true)
  input.resume()
  output.write(question)
  try {
    return await readLine(input)
  } finally {
    input.setRawMode(false)
    input.pause()
    output.write('\n')
  }
}

/** Characters until Enter, with the keys that correct them. Raw mode has no editing of its own. */
function readLine(input: Readable): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let typed: string[] = []
  const decoder = new TextDecoder()
  const take = (data: Uint8Array) => {
    for (const char of decoder.decode(data, { stream: true })) {
      if (char === '\r' || char === '\n' || char === END) return resolve(typed.join(''))
      if (char === INTERRUPT) return reject(interrupted())
      if (char === BACKSPACE || char === DELETE) typed.pop()
      else if (char === CLEAR) typed = []
      else if (char >= ' ') typed.push(char)
    }
  }
  const end = () => reject(interrupted())
  input.on('data', take)
  input.once('end', end)
  return promise.finally(() => {
    input.off('data', take)
    input.off('end', end)
  })
}

/** A new password, typed twice. */
export async function askNewPassword(terminal: Terminal = terminalOf()): Promise<string> {
  const password = await askHidden('New password: ', terminal)
  if (password === '') throw badPassword('it is empty', 'an empty password protects nothing')
  if ((await askHidden('Again: ', terminal)) === password) return password
  throw badPassword('the two are not the same', 'one of them was mistyped')
}

/** Asks yes or no; undefined without a terminal. @throws CliError interrupted on Ctrl-C, and by the signal */
export async function askYes(
  question: string,
  { input, output }: Terminal = terminalOf(),
  signal?: AbortSignal,
): Promise<boolean | undefined> {
  if (!input.isTTY) return undefined
  const lines = createInterface({ input, output })
  try {
    const answer = await lines.question(`${question} [y/N] `, signal ? { signal } : {})
    return /^y(es)?$/i.test(answer.trim())
  } catch (error) {
    throw error instanceof Error && error.name === 'AbortError' ? interrupted() : error
  } finally {
    lines.close()
  }
}

function badPassword(what: string, why: string): CliError {
  return new CliError('bad-input', { what: `no password: ${what}`, why, fix: 'type it again' })
}

function interrupted(): CliError {
  return new CliError('interrupted', {
    what: 'stopped before anything was done',
    why: 'Ctrl-C, or the end of the input',
    fix: 'run the command again',
  })
}
