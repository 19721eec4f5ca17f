import { CliError } from '../errors.ts'

export function unavailable(url: string, why: string): CliError {
  return new CliError('service-unavailable', {
    what: `${url} does not give the whole file`,
    why,
    fix: 'check the address and the connection; what has come is kept, and the same command goes on from there',
  })
}

export function badAnswer(url: string, why: string, more = 'look for the file elsewhere'): CliError {
  return new CliError('service-bad-answer', {
    what: `the answer of ${url} cannot be used`,
    why,
    fix: `check the address, and the digest where one was given; ${more}. No model was added.`,
  })
}
