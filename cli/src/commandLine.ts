import { type Command, Option } from 'commander'
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

/** Values of an option that may be given several times. */
export function several(value: string, earlier: string[] = []): string[] {
  return [...earlier, value]
}
