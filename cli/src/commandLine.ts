import { type Command, CommanderError, Option } from 'commander'
import { EXIT } from './errors.ts'
import { createOutput, type Output, reportError } from './output.ts'
import { DEFAULT_STATE } from './paths.ts'

/** Of every command that deals with a development network. */
export const state: Option = new Option('--state <dir>', 'state folder of the development network').default(
  DEFAULT_STATE,
)

/** Every leaf command takes --json and --no-color. */
export function command(parent: Command, name: string, description: string): Command {
  return parent
    .command(name)
    .description(description)
    .option('--json', 'the last line of standard output is one JSON object')
    .option('--no-color', 'no colours')
    .exitOverride()
    .showHelpAfterError('(--help explains the command)')
}

/** Runs a command; its errors are told as what, why and fix, and its exit code is set. */
export async function run(self: Command, action: (output: Output) => Promise<number>): Promise<void> {
  const output = createOutput(self.opts())
  try {
    process.exitCode = await action(output)
  } catch (error) {
    process.exitCode = reportError(error, output)
  }
}

export function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) usage(`${text} is not a whole number`)
  return Number(text)
}

/** A whole number within bounds; `what` says of what, in errors. */
export function between(least: number, most: number, what: string): (text: string) => number {
  return text => {
    const number = wholeNumber(text)
    if (number < least || number > most) usage(`${text} ${what}: there can be ${least} to ${most}`)
    return number
  }
}

/** Values of an option that may be given several times. */
export function several(value: string, earlier: string[] = []): string[] {
  return [...earlier, value]
}

export function usage(message: string): never {
  process.stderr.write(`nacre: ${message}\n`)
  throw new CommanderError(EXIT.usage, 'nacre.usage', message)
}
