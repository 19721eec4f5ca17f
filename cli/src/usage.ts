import type { Command, CommanderError } from 'commander'
import { CliError } from './errors.ts'

/** Options of every command: by themselves they ask for nothing. */
const COMMON = ['--json', '--no-color']

/** What commander refuses, as an error that says what the command takes. */
export function usageError(command: Command, { code, message }: CommanderError): CliError {
  const name = fullName(command)
  const help = `${name} --help explains ${isGroup(command) ? 'its commands' : 'it'}`
  if (isGroup(command) && command.args.every(arg => COMMON.includes(arg)))
    return new CliError('usage', { what: `${name} needs a command`, why: listOf(command), fix: help })
  const [what = '', guess] = message.replace(/^error: /, '').split('\n')
  return new CliError('usage', {
    what,
    why: /unknown(Command|Option)$/.test(code) ? listOf(command) : `it is used as ${name} ${command.usage()}`,
    fix: guess === undefined ? help : `${guess.slice(1, -1)} ${help}`,
  })
}

/** Parser of an option that takes a whole number in a range. */
export function wholeNumber(option: string, min: number, max: number): (text: string) => number {
  return text => {
    const value = Number(text)
    if (/^\d{1,9}$/.test(text) && value >= min && value <= max) return value
    throw new CliError('usage', {
      what: `${option} cannot be ${text}`,
      why: `it takes a whole number from ${min} to ${max}`,
      fix: `for example ${option} ${min}`,
    })
  }
}

function listOf(command: Command): string {
  if (isGroup(command))
    return `${fullName(command)} has ${command.commands.map(one => one.name()).join(', ')}`
  return `${fullName(command)} takes ${command.options.map(option => option.long).join(', ')}`
}

/** Only a place for commands: everything that does something takes --json. */
function isGroup(command: Command): boolean {
  return command.options.every(option => option.long !== '--json')
}

function fullName(command: Command): string {
  return command.parent ? `${fullName(command.parent)} ${command.name()}` : command.name()
}
