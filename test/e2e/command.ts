import type { Output } from '../../cli/src/output.ts'

/** What a command of the command line printed and resulted in, run in this process. */
export type Ran = {
  code: number
  text: () => string
  // biome-ignore lint/suspicious/noExplicitAny: as read from JSON
  value: any
}

/** Runs a command; `text` grows while it runs. Its result is as JSON has it, integers in full. */
export function runCommand(
  command: (output: Output) => Promise<number>,
): Promise<Ran> & { text: () => string } {
  const lines: string[] = []
  const text = () => lines.join('\n')
  let value: unknown
  const output: Output = {
    json: true,
    color: false,
    line: (line = '') => lines.push(line),
    result: one => {
      value = one
    },
  }
  return Object.assign(
    command(output).then(code => ({ code, text, value })),
    { text },
  )
}
